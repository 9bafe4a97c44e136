// The other Node.js processes of this machine that listen, as far as /proc shows them: whether their connections
// linger, how many do now, and what limits they have. Source: proc(5), and tcp_states.h of Linux.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { defaultMaxLingering, parseLimits, parseMaxLingering } from '../system/open-file-limit.ts';

export interface NodeProcess {
  pid: number;
  /** The pid of the process that has started it. */
  parent: number;
  /** The program and its script, without other arguments: those may be secret. */
  command: string;
  /** Where it listens: `address:port`, or the path of a UNIX socket. */
  listens: string[];
  /** The file of our addon that it has loaded. Without one it uses no lingering-close, or the streams engine. */
  addon: string | null;
  /** Whether it was started with `lingering-close/register`, so that each of its HTTP servers lingers. */
  register: boolean;
  /** Connections that it still holds although it has sent FIN. */
  lingering: number;
  /** By `LINGERING_CLOSE_MAX_LINGERING` under `register`, else the default; code may have set another one. */
  maxLingering: number;
  openFiles: number;
  openFileLimit: number;
  /** As `getSigpipe()` has it. `'default'`: a write to a closed peer kills the process. */
  sigpipe: 'default' | 'ignore' | 'handler';
}

export interface NodeProcesses {
  list: NodeProcess[];
  /** Processes that are probably Node.js, and that belong to another user. */
  hidden: number;
}

/** @throws where there is no readable /proc */
export function readProcesses(): NodeProcesses {
  const list: NodeProcess[] = [];
  let hidden = 0;
  const sockets = new Map<string, Sockets>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const found = readProcess(pid, sockets);
      if (found) list.push(found);
    } catch (error) {
      // A process that has ended meanwhile (ENOENT, ESRCH) is none any more.
      const { code } = error as NodeJS.ErrnoException;
      if ((code === 'EACCES' || code === 'EPERM') && isProbablyNode(pid)) hidden++;
    }
  }
  return { list: list.sort((a, b) => a.pid - b.pid), hidden };
}

function readProcess(pid: string, known: Map<string, Sockets>): NodeProcess | undefined {
  const at = (name: string) => `/proc/${pid}/${name}`;
  const program = basename(readlinkSync(at('exe')).replace(/ \(deleted\)$/, ''));
  const addon = ADDON.exec(readFileSync(at('maps'), 'utf8'))?.[1] ?? null;
  if (!addon && !NODE.test(program)) return undefined;

  const { listening, lingering } = socketsOf(pid, known);
  const descriptors = readdirSync(at('fd'));
  const inodes = descriptors.map((fd) => inodeOf(at(`fd/${fd}`)));
  const listens = [...new Set(inodes.map((inode) => listening.get(inode)).filter((place) => place !== undefined))];
  if (listens.length === 0 && !addon) return undefined;

  const args = readFileSync(at('cmdline'), 'utf8').split('\0').slice(0, -1);
  const environment = readFileSync(at('environ'), 'utf8').split('\0');
  const variable = (name: string) => environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const openFileLimit = parseLimits(readFileSync(at('limits'), 'latin1'));
  const register = REGISTER.test([...args, variable('NODE_OPTIONS')].join(' '));
  const given = register ? variable('LINGERING_CLOSE_MAX_LINGERING') : undefined;
  const status = readFileSync(at('status'), 'latin1');
  return {
    pid: Number(pid),
    parent: Number(fieldOf(status, 'PPid')),
    command: [program, scriptOf(args)].filter(Boolean).join(' '),
    listens,
    addon,
    register,
    lingering: inodes.filter((inode) => lingering.has(inode)).length,
    maxLingering: parseMaxLingering(given ?? '') ?? defaultMaxLingering(openFileLimit),
    openFiles: descriptors.length,
    openFileLimit,
    sigpipe: readDisposition(status, constants.signals.SIGPIPE),
  };
}

function fieldOf(status: string, name: string): string {
  return new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '0';
}

/** The masks are hexadecimal, and signal 1 is their lowest bit. */
function readDisposition(status: string, signal: number): NodeProcess['sigpipe'] {
  const has = (mask: string) => (BigInt(`0x${fieldOf(status, mask)}`) >> BigInt(signal - 1)) & 1n;
  if (has('SigIgn')) return 'ignore';
  return has('SigCgt') ? 'handler' : 'default';
}

/** Whether its child processes have the addon: the primary of a cluster listens, and its workers serve. */
export function isServedByChildren({ pid }: NodeProcess, list: NodeProcess[]): boolean {
  return list.some(({ parent, addon, register }) => parent === pid && (addon !== null || register));
}

/**
 * A line of `maps` (proc_pid_maps(5)): five columns, and a path, which may have spaces. The kernel appends a word where
 * the file is gone: behind an `npm ci` in the same folder, or, for `exe`, behind an update of Node.js.
 */
const ADDON = /^(?:\S+ +){5}(\/.*\/lingering[-_]close\.node)(?: \(deleted\))?$/m;
const NODE = /^(?:node|nodejs|bun|deno)(?:$|[-.\d])/;
/** The name of the entry, or the path that `require.resolve` gives for it; not `register-clients`. */
const REGISTER = /lingering-close\/(?:dist\/)?register(?![-\w])/;
/** The script is no option, and no value of one. */
const WITH_VALUE =
  /^(?:--import|--require|-r|--loader|--experimental-loader|--conditions|-C|--title|-e|--eval|-p|--print|-pe)$/;

function scriptOf([, ...args]: string[]): string | undefined {
  return args.find((arg, index) => !arg.startsWith('-') && !WITH_VALUE.test(args[index - 1] ?? ''));
}

function isProbablyNode(pid: string): boolean {
  try {
    // Newer versions of Node.js name their main thread.
    return /^(?:node|MainThread)$/.test(readFileSync(`/proc/${pid}/comm`, 'latin1').trim());
  } catch {
    return false;
  }
}

/** The sockets of a network namespace, by inode. */
interface Sockets {
  listening: Map<string, string>;
  lingering: Set<string>;
}

function socketsOf(pid: string, known: Map<string, Sockets>): Sockets {
  const namespace = readlinkSync(`/proc/${pid}/ns/net`);
  const sockets = known.get(namespace) ?? readSockets(pid);
  known.set(namespace, sockets);
  return sockets;
}

const LISTEN = '0A';
/** FIN_WAIT1, FIN_WAIT2, CLOSING: FIN was sent, and the peer has not closed or not acknowledged. */
const AFTER_FIN = new Set(['04', '05', '0B']);
/** __SO_ACCEPTCON */
const ACCEPTS = '00010000';

function readSockets(pid: string): Sockets {
  const sockets: Sockets = { listening: new Map(), lingering: new Set() };
  for (const table of ['tcp', 'tcp6']) {
    for (const columns of rowsOf(`/proc/${pid}/net/${table}`)) {
      const [, local = '', , state = '', , , , , , inode = ''] = columns;
      if (state === LISTEN) sockets.listening.set(inode, addressOf(local));
      if (AFTER_FIN.has(state)) sockets.lingering.add(inode);
    }
  }
  for (const [, , , flags, , , inode = '', ...path] of rowsOf(`/proc/${pid}/net/unix`)) {
    if (flags === ACCEPTS && path.length > 0) sockets.listening.set(inode, path.join(' '));
  }
  return sockets;
}

function rowsOf(file: string): string[][] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // A kernel without IPv6 has no tcp6.
    return [];
  }
  const [, ...lines] = text.trimEnd().split('\n');
  return lines.map((line) => line.trim().split(/\s+/));
}

/** As the kernel prints it: words of 32 bits in the order of the machine, in hexadecimal, and the port. */
function addressOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const number = Number.parseInt(port, 16);
  if (/^0*$/.test(address)) return `*:${number}`;
  const bytes = address.match(/.{8}/g)?.flatMap((word) => word.match(/../g)?.toReversed() ?? []) ?? [];
  if (bytes.length === 4) return `${bytes.map((byte) => Number.parseInt(byte, 16)).join('.')}:${number}`;
  const groups =
    bytes
      .join('')
      .match(/.{4}/g)
      ?.map((group) => Number.parseInt(group, 16).toString(16)) ?? [];
  return `[${groups.join(':').replace(/(?:^|:)0(?::0)+(?:$|:)/, '::')}]:${number}`;
}

function inodeOf(link: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? '';
  } catch {
    // Closed meanwhile.
    return '';
  }
}
