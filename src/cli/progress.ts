// The progress of the demo on stderr: one line that is redrawn on a terminal, a line for each finished client
// elsewhere.

const BAR = 16;

export class Progress {
  readonly #live = process.stderr.isTTY;
  readonly #label: string;
  readonly #total: number;
  #done = 0;
  #answered = 0;

  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
    this.#draw();
  }

  /** One more upload is done. `answered` is how many of all uploads so far got the 413. */
  step(answered: number): void {
    this.#done++;
    this.#answered = answered;
    this.#draw();
  }

  end(): void {
    process.stderr.write(this.#live ? '\r\x1b[K' : `${this.#label}  ${this.#answered} of ${this.#total} got the 413\n`);
  }

  #draw(): void {
    if (!this.#live) return;
    const filled = Math.round((this.#done / this.#total) * BAR);
    const bar = '━'.repeat(filled) + '╌'.repeat(BAR - filled);
    const line = `${this.#label}  ${bar}  ${this.#done} of ${this.#total}, ${this.#answered} got the 413`;
    // A line that wraps at the margin cannot be redrawn.
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }
}
