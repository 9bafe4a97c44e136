// The typed contract with src-native, and its loader. Nothing here throws: where the addon cannot be had, `unavailable` says why.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { codedError } from '../core/errors.ts';

/** Every function gives a value >= 0, or `-errno`. Arguments are checked by the typed layer, never here. */
export interface Addon {
  /** `seconds` -1 switches it off. */
  setLinger(fd: number, seconds: number): number;
  /** 0 where it is off, else seconds + 1. */
  getLinger(fd: number): number;
  /** `known`: 1 where it is a socket for certain, and ENOTSOCK need not be asked for. */
  pendingBytes(fd: number, known: number): number;
  unackedBytes(fd: number, known: number): number;
  send(fd: number, data: Uint8Array): number;
  getSigpipe(): number;
  setSigpipe(disposition: number): number;
  readonly maxLingerSeconds: number;
}

/** The discard loop: Linux only. */
export interface LingerAddon extends Addon {
  /** `callback` gets `LINGER_FIGURES` numbers for each linger that has ended: id, outcome, errno, delivered (-1 unknown), discarded, unacked (-1 unknown). */
  openLingerLoop(callback: (...figures: number[]) => void): number;
  /** 0 for a stream socket that may be taken over, 1 for one that listens, 2 for one that this thread's event loop has. */
  checkTakeover(fd: number): number;
  /** 1 where the peer has closed its side, all that it sent is read, and all that it was sent, FIN included, is acknowledged; else 0. */
  isOver(fd: number, accepted: number): number;
  /** `accepted`: 1 where the connection certainly comes from a listening socket. -ENOTCONN: it is broken already. */
  startLinger(
    fd: number,
    take: number,
    accepted: number,
    until: number,
    idle: number,
    timeout: number,
    maxBytes: number,
    ref: number,
  ): number;
  endLinger(id: number, outcome: number): number;
  holdDescriptor(fd: number): number;
  releaseDescriptor(duplicate: number): number;
  drainLingers(): void;
}

export const LINGER_FIGURES = 6;
/** In the order of `enum class Outcome` of lingering_socket.h. */
export const OUTCOMES = [
  'eof',
  'delivered',
  'drained',
  'reset',
  'peer-reset',
  'idle',
  'timeout',
  'max-bytes',
  'evicted',
  'aborted',
  'closed',
  'error',
] as const;
/** In the order of `enum class Until` of lingering_socket.h. */
export const UNTIL = ['eof', 'delivered', 'drained'] as const;

interface NodeGypBuild {
  (folder: string): Addon;
  path(folder: string): string;
}

interface Unavailable {
  code: 'ERR_ADDON_UNAVAILABLE' | 'ERR_UNSUPPORTED_PLATFORM';
  /** Completes "... is not available: ". */
  reason: string;
  /** Whether the platform is one for which the addon is made, so that its absence deserves a warning. */
  unexpected: boolean;
}

interface Loaded {
  addon?: Addon;
  file?: string;
  unavailable?: Unavailable;
}

const REMEDY =
  'Allow addons (no --no-addons; --allow-addons with --permission), or build it where lingering-close is installed ' +
  '(npm install node-gyp node-addon-api, then npx node-gyp rebuild in its folder)';

function load(): Loaded {
  const runtime = process.versions['bun'] ? 'Bun' : 'Deno' in globalThis ? 'Deno' : undefined;
  if (runtime)
    return none('ERR_UNSUPPORTED_PLATFORM', `${runtime} does not give addons the event loop of libuv`, false);
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    return none('ERR_UNSUPPORTED_PLATFORM', `there is no addon for ${process.platform}`, false);
  }
  const require = createRequire(import.meta.url);
  try {
    const build: NodeGypBuild = require('node-gyp-build');
    const file = build.path(fileURLToPath(new URL('../..', import.meta.url)));
    return { addon: require(file), file };
  } catch (error) {
    const [reason = ''] = String((error as Error).message).split('\n', 1);
    // No binary is shipped for macOS: building it is a choice there.
    return none('ERR_ADDON_UNAVAILABLE', `${reason.replace(/\.$/, '')}. ${REMEDY}`, process.platform === 'linux');
  }
}

function none(code: Unavailable['code'], reason: string, unexpected: boolean): Loaded {
  return { unavailable: { code, reason, unexpected } };
}

const loaded = load();

export const addon = loaded.addon;
export const addonFile = loaded.file;
export const unavailable = loaded.unavailable;

/** The addon, for a function that cannot do without. */
export function requireAddon(caller: string): Addon {
  if (addon) return addon;
  throw codedError(
    Error,
    unavailable?.code as string,
    `${caller}() needs the addon of lingering-close: ${unavailable?.reason}`,
  );
}
