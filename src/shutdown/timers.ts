// The timers of a shutdown. They decide behind the poll phase, do not keep the process alive, and end together.
import { timerAfterPoll } from '../core/after-poll.ts';

export class Timers {
  readonly #cancels = new Set<() => void>();

  once(ms: number, run: () => void): void {
    const cancel = timerAfterPoll(
      ms,
      () => {
        this.#cancels.delete(cancel);
        run();
      },
      false,
    );
    this.#cancels.add(cancel);
  }

  every(ms: number, run: () => void): void {
    this.once(ms, () => {
      this.every(ms, run);
      run();
    });
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
