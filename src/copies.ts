// More than one copy of the package in a thread: two versions in node_modules, or modules that are evaluated twice. Were each to close a connection, each would linger on a duplicate of its
// own, halve the other's figures, and hold back its RST. So the copy that comes first to a server or a socket serves it for all of them, by its public functions.
import type { Server } from 'node:net';
import type { closeServer } from './close-server.ts';
import type { setLinger } from './linger.ts';
import type { safeClose } from './safe-close.ts';
import type { lingerOnClose } from './server.ts';

/** What one copy asks of another: a contract between versions. */
export interface Copy {
  closeServer: typeof closeServer;
  lingerOnClose: typeof lingerOnClose;
  safeClose: typeof safeClose;
  setLinger: typeof setLinger;
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
