// More than one copy of the package in a thread: two versions in node_modules, or modules that are evaluated twice. Were each to close a connection, each would linger on a duplicate of its
// own, halve the other's figures, and hold back its RST. So the copy that comes first to a server or a socket serves it for all of them, by its public functions.
import type { Server, Socket } from 'node:net';

/** What one copy asks of another, which may be of another version: what it is given and gives is that version's own. */
export interface Copy {
  closeServer(server: Server, options?: unknown): Promise<unknown>;
  lingerOnClose(server: Server, options?: unknown): unknown;
  safeClose(socket: Socket | number, options?: unknown): Promise<unknown>;
  setLinger(socket: Socket | number, linger: number | false): void;
}

/** Each of them puts itself in here when its module is loaded. */
export const own = {} as Copy;

const COPY = Symbol.for('lingering-close.copy');

type Claimed = Server & { [COPY]?: Copy };

/** The server is this copy's from here on. */
export function claimServer(server: Server): void {
  Object.defineProperty(server, COPY, { value: own, configurable: true });
}

/** The copy that serves a server, unless it is this one. */
export function otherCopyOfServer(server: Claimed): Copy | undefined {
  return server[COPY] === own ? undefined : server[COPY];
}
