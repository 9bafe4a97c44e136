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

  /** `held`: what {@link measured} gives; nothing where no process is left that could hold something. Prints the row, too. */
  row(held = {}, note = '') {
    const row = {
      subject: this.#subject,
      tried: this.#tried,
      survived: this.#survived,
      outcomes: this.#outcomes,
      ...held,
      note,
    };
    if (this.#complaints.length > 0) row.complaints = this.#complaints.slice(0, MAX_COMPLAINTS);
    console.log(
      `${isSound(row) ? '  ' : 'X '}${row.subject}: ${row.survived} of ${row.tried} (${counts(row)}) ${heldText(row)}${note && `; ${note}`}`,
    );
    for (const complaint of row.complaints ?? []) console.error(`    ${complaint}`);
    return row;
  }
}

export function counts({ outcomes }) {
  return Object.entries(outcomes)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function heldText({ descriptors, handles, memory }) {
  if (!descriptors) return '';
  return `descriptors ${descriptors.join(' -> ')}, handles ${handles.join(' -> ')}, ${memory.map(megabytes).join(' -> ')} MB`;
}

/** Whether everything was survived, and everything given back. */
export function isSound({ tried, survived, descriptors, handles }) {
  return tried > 0 && survived === tried && isGivenBack(descriptors) && isGivenBack(handles);
}

function isGivenBack([before, after] = [0, 0]) {
  return after <= before;
}

export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
