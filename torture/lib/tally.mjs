// Counts what became of each provocation of one fault, and makes a row of it.

const MAX_COMPLAINTS = 5;

export class Tally {
  #subject;
  #tried = 0;
  #survived = 0;
  #outcomes = {};
  #complaints = [];

  constructor(subject) {
    this.#subject = subject;
  }

  /** `complaint`: what is wrong with it; nothing where it was survived. */
  add(outcome, complaint) {
    this.#tried++;
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    if (complaint) this.#complaints.push(complaint);
    else this.#survived++;
  }

  /** `held`: what {@link measured} gives. Prints the row, too. */
  row({ descriptors, handles, memory }, note = '') {
    const row = {
      subject: this.#subject,
      tried: this.#tried,
      survived: this.#survived,
      outcomes: this.#outcomes,
      descriptors,
      handles,
      memory,
      note,
    };
    if (this.#complaints.length > 0) row.complaints = this.#complaints.slice(0, MAX_COMPLAINTS);
    const counts = Object.entries(this.#outcomes).map(([name, count]) => `${name} ${count}`);
    console.log(
      `${isSound(row) ? '  ' : 'X '}${row.subject}: ${row.survived} of ${row.tried} (${counts.join(', ')}), ` +
        `descriptors ${descriptors.join(' -> ')}, handles ${handles.join(' -> ')}, ${memory.map(megabytes).join(' -> ')} MB`,
    );
    for (const complaint of row.complaints ?? []) console.error(`    ${complaint}`);
    return row;
  }
}

/** Whether everything was survived, and everything given back. */
export function isSound({ tried, survived, descriptors, handles }) {
  return tried > 0 && survived === tried && descriptors[1] <= descriptors[0] && handles[1] <= handles[0];
}

export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
