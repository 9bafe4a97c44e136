// Runs a file of test/fixtures in a process of its own. When server and client share a process, a reset mostly hides.
import { fileURLToPath } from 'node:url';
import { NodeProcess, type NodeProcessOptions } from './node-process.ts';
import { node } from './project.ts';

/**
 * Flags under which the addon is not loaded, so that the streams engine serves. The warning about that has its own
 * test.
 */
export const STREAMS_ENGINE = ['--no-addons', '--disable-warning=LINGERING_CLOSE_FALLBACK'];

export class Fixture<Message = Record<string, unknown>> extends NodeProcess {
  readonly #inbox: Message[] = [];

  /** `name`: that of the file, without `.mjs`. */
  constructor(name: string, options?: NodeProcessOptions) {
    super(node, fileURLToPath(new URL(`../fixtures/${name}.mjs`, import.meta.url)), options);
    this.process.on('message', (message) => {
      this.#inbox.push(message as Message);
      this.wake();
    });
  }

  /** The next message that the fixture sends with `process.send`. */
  async next(): Promise<Message> {
    await this.until(() => this.#inbox.length > 0, 'the fixture has ended');
    return this.#inbox.shift() as Message;
  }

  /** The messages that have come and that were not asked for. */
  rest(): Message[] {
    return this.#inbox.splice(0);
  }
}
