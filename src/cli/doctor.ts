// `lingering-close doctor`: shows what matters to the close of a socket on this machine, and what each thing means.
import { arch, platform, release, type } from 'node:os';
import { engine } from '../index.ts';
import { addon, addonFile, unavailable } from '../system/addon.ts';
import { getSigpipe } from '../system/sigpipe.ts';
import { readCounters, readOpenFiles, readSettings } from './doctor-kernel.ts';
import { notAvailable, type Reading, reasonsOf, valuesOf } from './reading.ts';
import { definitions } from './table.ts';

/** @returns the exit code */
export function doctor({ version, json }: { version: string; json: boolean }): number {
  const environment = readEnvironment();
  const settings = [readOpenFiles(), ...readSettings()];
  const counters = readCounters();
  if (json) {
    const result = {
      version,
      ...valuesOf(environment),
      settings: valuesOf(settings),
      counters: valuesOf(counters),
      unavailable: reasonsOf([...environment, ...settings, ...counters]),
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else {
    process.stdout.write(`lingering-close ${version}

${definitions(environment.map(toRow))}

Limits and kernel settings that matter to closing

${definitions(settings.map(toRow))}

TCP connections of this network namespace that were aborted, since it was made

${definitions(counters.map(toRow))}
`);
  }
  return 0;
}

function readEnvironment(): Reading[] {
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
    { name: 'engine', value: engine, meaning: ENGINES[engine] },
    readSigpipe(),
  ];
}

const ENGINES = {
  native: 'input is discarded in the addon, without a copy and without JavaScript',
  streams: "input is discarded through Node's streams, with more work and memory",
};

function readSigpipe(): Reading {
  try {
    const value = getSigpipe();
    return { name: 'sigpipe', value, meaning: DISPOSITIONS[value] };
  } catch {
    return notAvailable('sigpipe', 'it takes the addon to ask for it');
  }
}

const DISPOSITIONS = {
  ignore: 'a write to a closed peer is an error, EPIPE; this is how Node starts',
  default: 'a write to a closed peer kills the process',
  handler: 'a write to a closed peer is an error, EPIPE, and calls a listener',
};

function toRow({ name, value, text, meaning }: Reading): [string, string, string] {
  return [name, text ?? String(value ?? '-'), meaning];
}
