// More than one copy of the package in a thread: two versions in node_modules, or modules that are evaluated twice. If
// two copies closed the same connection, each would linger on a duplicate of its own, count only a part of the bytes,
// and hold back the RST of the other. So the first copy that gets a server or a socket serves it for all copies,
// through its public functions.
import type { Server, Socket } from 'node:net';

/**
 * What one copy calls on another. The other may be another version, with other options and results: they are `unknown`.
 */
export interface Copy {
  closeServer(server: Server, options?: unknown): Promise<unknown>;
  lingerOnClose(server: Server, options?: unknown): unknown;
  safeClose(socket: Socket | number, options?: unknown): Promise<unknown>;
  setLinger(socket: Socket | number, linger: number | false): void;
}

/** This copy. Each of the four modules puts its function in here when the module is loaded. */
export const own = {} as Copy;

const COPY = Symbol.for('lingering-close.copy');

type Claimed = Server & { [COPY]?: Copy };

/** Marks a server as served by this copy. */
export function claimServer(server: Server): void {
  Object.defineProperty(server, COPY, { value: own, configurable: true });
}

/** The copy that serves a server; `undefined` where that is this copy, or none. */
export function otherCopyOfServer(server: Claimed): Copy | undefined {
  return server[COPY] === own ? undefined : server[COPY];
}
