// What the doctor advises: a line for each thing that is not as it should be.

import type { TcpAbortCounters } from '../system/counters.ts';
import type { Unavailable } from '../system/load-addon.ts';
import { defaultMaxLingering } from '../system/open-file-limit.ts';
import { isServedByChildren, type NodeProcess } from './doctor-processes.ts';

export interface Advice {
  /** The name of the reading, or `process <pid>`. */
  about: string;
  advice: string;
}

export interface Findings {
  node: string;
  unavailable: Unavailable | undefined;
  /** Why the addon, which is loaded, is not used. */
  unused: string | undefined;
  sigpipe: string | undefined;
  /** The soft limit. */
  openFiles: number;
  /** `null` where the variable of the environment is no number. */
  maxLingering: number | null;
  counters: TcpAbortCounters | undefined;
  processes: NodeProcess[];
}

const RAISE = 'Raise it: `ulimit -n`, LimitNOFILE of systemd, --ulimit nofile of Docker';
const MEND = 'call lingerOnClose(server), or start with --import lingering-close/register';

export function adviceOn(findings: Findings): Advice[] {
  const { node, unavailable, unused, sigpipe, openFiles, maxLingering, counters, processes } = findings;
  const advice: Advice[] = [];
  const add = (about: string, text: string) => advice.push({ about, advice: text });

  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) add('node', 'Update Node.js to 20.19 or newer.');
  if (unavailable?.code === 'ERR_ADDON_UNAVAILABLE') add('addon', `${unavailable.reason.replace(/\.$/, '')}.`);
  if (unused) add('engine', `${unused}. Start the process anew where more descriptors may be open.`);
  if (sigpipe === 'default') add('sigpipe', "A write to a closed peer kills the process: call setSigpipe('ignore').");
  if (maxLingering === null) {
    add('maxLingering', 'Set LINGERING_CLOSE_MAX_LINGERING to an integer >= 0 or Infinity, or remove it.');
  } else if (maxLingering > openFiles / 2) {
    add('maxLingering', `It is more than half of the open-file limit (${openFiles}). Lower it, or raise the limit.`);
  } else if (openFiles < 4_000 && maxLingering === defaultMaxLingering(openFiles)) {
    add('open_files', `Only ${maxLingering} connections may linger at once. ${RAISE}, to 4,000 or more.`);
  }
  if (counters) advice.push(...onCounters(counters));
  for (const each of processes) advice.push(...onProcess(each, processes));
  return advice;
}

function onCounters({ abortOnClose, abortOnData, abortOnMemory, abortFailed }: TcpAbortCounters): Advice[] {
  const advice: Advice[] = [];
  const again = 'Read it again in a minute: if it has grown';
  if (abortOnClose > 0) {
    advice.push({ about: 'abortOnClose', advice: `${again}, a server here resets clients; ${MEND}.` });
  }
  if (abortOnData > 0) {
    advice.push({
      about: 'abortOnData',
      advice: `${again}, a server here closes before clients are done, or resets on purpose; ${MEND}.`,
    });
  }
  if (abortOnMemory > 0) {
    advice.push({
      about: 'abortOnMemory',
      advice: `${again}, raise net.ipv4.tcp_mem or tcp_max_orphans: the kernel drops connections for want of memory.`,
    });
  }
  if (abortFailed > 0) {
    advice.push({ about: 'abortFailed', advice: `${again}, raise net.ipv4.tcp_mem: there is no memory for a RST.` });
  }
  return advice;
}

function onProcess(each: NodeProcess, all: NodeProcess[]): Advice[] {
  const advice: Advice[] = [];
  const add = (text: string) => advice.push({ about: `process ${each.pid}`, advice: `${each.command}: ${text}` });
  const lingers = each.addon !== null || each.register;
  if (!lingers && !isServedByChildren(each, all)) {
    add(`none of its connections linger, or by streams only. If it serves HTTP, ${MEND}.`);
  } else if (each.register && !each.addon) {
    add('it lingers by streams. Run this command with the same Node.js and flags, in its folder: it says why.');
  }
  if (lingers && each.lingering >= 0.8 * each.maxLingering && each.maxLingering > 0) {
    add(`${each.lingering} connections linger, of ${each.maxLingering}: one more evicts another. Raise maxLingering.`);
  }
  if (each.sigpipe === 'default') add("a write to a closed peer kills it. Call setSigpipe('ignore') in it.");
  if (each.openFiles >= 0.8 * each.openFileLimit) {
    add(`it has ${each.openFiles} of ${each.openFileLimit} files open. ${RAISE}.`);
  } else if (lingers && each.maxLingering > each.openFileLimit / 2) {
    add(`maxLingering (${each.maxLingering}) is more than half of its open-file limit (${each.openFileLimit}).`);
  }
  return advice;
}
