// Counts the results of all provocations of one fault, and makes a row of them.

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

  /** `complaint`: what is wrong; undefined when the provocation was survived. */
  add(outcome, complaint) {
    this.#tried++;
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    if (complaint) this.#complaints.push(complaint);
    else this.#survived++;
  }

  /**
   * `held`: the result of {@link measured}; undefined when no process is left that could hold anything. Prints the row.
   */
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
    const verdict = isSound(row) ? '  ' : 'X ';
    const result = `${row.subject}: ${row.survived} of ${row.tried} (${counts(row)})`;
    console.log(`${verdict}${result} ${heldText(row)}${note && `; ${note}`}`);
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
  const from = (values) => values.join(' -> ');
  return `descriptors ${from(descriptors)}, handles ${from(handles)}, ${from(memory.map(megabytes))} MB`;
}

/** Whether every provocation was survived, and every resource released. */
export function isSound({ tried, survived, descriptors, handles }) {
  return tried > 0 && survived === tried && isGivenBack(descriptors) && isGivenBack(handles);
}

function isGivenBack([before, after] = [0, 0]) {
  return after <= before;
}

export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}
