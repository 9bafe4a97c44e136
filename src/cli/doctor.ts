// `lingering-close doctor`: shows what matters to the close of a socket on this machine, and what each thing means.
import { arch, platform, release, type } from 'node:os';
import { engine } from '../index.ts';
import { addon, addonFile, unavailable } from '../system/addon.ts';
import type { TcpAbortCounters } from '../system/counters.ts';
import { openFileLimit } from '../system/open-file-limit.ts';
import type { SigpipeDisposition } from '../system/sigpipe.ts';
import { type Advice, adviceOn } from './doctor-advice.ts';
import { readCounters, readMaxLingering, readOpenFiles, readSettings } from './doctor-kernel.ts';
import { isServedByChildren, type NodeProcess, type NodeProcesses, readProcesses } from './doctor-processes.ts';
import { notAvailable, type Reading, reasonsOf, valuesOf } from './reading.ts';
import { definitions, endOf, list } from './table.ts';

interface DoctorOptions {
  version: string;
  json: boolean;
  /** Undefined where it cannot be had. */
  sigpipe: SigpipeDisposition | undefined;
}

/** @returns the exit code */
export function doctor({ version, json, sigpipe }: DoctorOptions): number {
  const environment = readEnvironment(sigpipe);
  const settings = [readOpenFiles(), readMaxLingering(), ...readSettings()];
  const counters = readCounters();
  const processes = findProcesses();
  const advice = adviceOn({
    node: process.versions.node,
    unavailable,
    unused: UNUSED,
    sigpipe,
    openFiles: openFileLimit(),
    maxLingering: settings.find(({ name }) => name === 'maxLingering')?.value as number | null,
    counters: counters.every(({ value }) => value !== null)
      ? (valuesOf(counters) as unknown as TcpAbortCounters)
      : undefined,
    processes: processes.found?.list ?? [],
  });
  if (json) {
    const result = {
      version,
      ...valuesOf(environment),
      settings: valuesOf(settings),
      counters: valuesOf(counters),
      processes: processes.found?.list ?? null,
      hiddenProcesses: processes.found?.hidden ?? null,
      advice,
      unavailable: { ...reasonsOf([...environment, ...settings, ...counters]), ...processes.unavailable },
    };
    process.stdout.write(`${JSON.stringify(result, infinityAsText, 2)}\n`);
  } else {
    process.stdout.write(`lingering-close ${version}

${definitions(environment.map(toRow))}

Limits and kernel settings that matter to closing

${definitions(settings.map(toRow))}

TCP connections of this network namespace that were aborted, since it was made

${definitions(counters.map(toRow))}

Other Node.js processes that listen, or have the addon

${processesText(processes)}

What to do

${adviceText(advice)}
`);
  }
  return 0;
}

/** JSON has no Infinity, and would make it null, which means "not available" here. */
function infinityAsText(_key: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}

function adviceText(all: Advice[]): string {
  if (all.length === 0) return '   Nothing: all is as it should be.';
  return list(all.map(({ about, advice }) => `${about}: ${shortened(advice)}`));
}

function shortened(text: string): string {
  return printable(text).replaceAll(/\S+/g, (word) => endOf(word, 45));
}

/** The names of the programs and sockets of others may hold what a terminal obeys. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

interface Processes {
  found?: NodeProcesses;
  unavailable?: { processes: string };
}

function findProcesses(): Processes {
  try {
    if (process.platform === 'linux') return { found: readProcesses() };
    return { unavailable: { processes: `not available here: it takes /proc, and this is ${process.platform}` } };
  } catch (error) {
    return { unavailable: { processes: `not available here: ${(error as Error).message}` } };
  }
}

function processesText({ found, unavailable }: Processes): string {
  if (!found) return `   ${unavailable?.processes}`;
  const { list: processes, hidden } = found;
  const rows = processes.map((each): [string, string, string] => [
    String(each.pid),
    endOf(printable(each.listens[0] ?? '-'), 30),
    describeProcess(each, processes),
  ]);
  const others = hidden > 0 ? `   ${hidden} of other users are not shown: root sees them.` : undefined;
  return [rows.length > 0 ? definitions(rows) : others ? undefined : '   none', others].filter(Boolean).join('\n');
}

function describeProcess(each: NodeProcess, all: NodeProcess[]): string {
  const { command, listens, addon, register, lingering, maxLingering, openFiles, openFileLimit: limit } = each;
  const servers = register
    ? `each HTTP server lingers (register), ${addon ? 'native' : 'by streams'}`
    : addon
      ? 'the addon is loaded: its code decides which servers linger'
      : isServedByChildren(each, all)
        ? 'its child processes have the addon, or register'
        : 'no addon, no register: nothing lingers, or by streams';
  const places = listens.length > 1 ? `, ${listens.length} listening sockets` : '';
  const counts = `${lingering} of ${maxLingering} linger; ${openFiles} of ${limit} files`;
  return `${shortened(command)}${places}; ${servers}; ${counts}`;
}

function readEnvironment(sigpipe: SigpipeDisposition | undefined): Reading[] {
  return [
    { name: 'platform', value: `${platform()}-${arch()}`, meaning: `${type()} ${release()}` },
    { name: 'node', value: process.versions.node, meaning: '20.19 or newer is needed' },
    addon
      ? { name: 'addon', value: { loaded: true, file: addonFile }, text: 'loaded', meaning: `from ${addonFile}` }
      : {
          ...notAvailable('addon', unavailable?.reason),
          value: { loaded: false, file: null, reason: unavailable?.reason },
          text: 'not loaded',
        },
    { name: 'engine', value: engine, meaning: UNUSED ?? ENGINES[engine] },
    sigpipe
      ? { name: 'sigpipe', value: sigpipe, meaning: DISPOSITIONS[sigpipe] }
      : notAvailable('sigpipe', 'it takes the addon to ask for it'),
  ];
}

const ENGINES = {
  native: 'input is discarded in the addon, without a copy and without JavaScript',
  streams: "input is discarded through Node's streams, with more work and memory",
};

/** Why the addon, which is loaded, is not used. */
const UNUSED =
  addon && engine === 'streams'
    ? process.platform === 'linux'
      ? 'The discard loop of the addon could not be opened; a warning names the errno'
      : `The addon has no discard loop for ${process.platform}`
    : undefined;

const DISPOSITIONS = {
  ignore: 'a write to a closed peer is an error, EPIPE; this is how Node starts',
  default: 'a write to a closed peer kills the process',
  handler: 'a write to a closed peer is an error, EPIPE, and calls a listener',
};

function toRow({ name, value, text, meaning }: Reading): [string, string, string] {
  return [name, text ?? String(value ?? '-'), meaning];
}
