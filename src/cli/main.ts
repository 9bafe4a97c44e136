#!/usr/bin/env node
// The command line: finds the command, checks its options, and runs the command.
import { readFileSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { addon } from '../system/addon.ts';
import { exitOnBrokenPipe } from '../system/exit-on-broken-pipe.ts';
import { getSigpipe } from '../system/sigpipe.ts';

const USAGE = `Usage: lingering-close <command> [options]

  demo           shows with real clients what Node loses when it closes, and what lingerOnClose saves
  doctor         shows what works here, which processes linger, the counters, and what to do
  build          compiles the addon, where there is no binary for this platform

  --help         this text, or that of a command; -h
  --version      the version of lingering-close; -v

Exit code: that of the command, or 2 where a command or an option is wrong.
`;

const DEMO_USAGE = `Usage: lingering-close demo [options]

Lets real clients upload 5 MB to a server that answers 413 at once, and shows how many got the
answer: first the server closes as Node does, then with lingerOnClose. The clients are Node's fetch
and http.request, and curl and python3 where they are installed. At last Node's clients upload to
the first server again, with register-clients. It takes some seconds.

  --uploads <n>  uploads of each client, 1 to 100000 (default 50)
  --json         one JSON object: {clients: [{name, before: {ok, errors}, after: {ok, errors},
                 registered: {ok, errors}}], resets: {before, after}}
                   registered: with register-clients; missing for what is no client of Node
                   errors: {name: how many}
                   resets: null where they cannot be counted
                   a client that is not installed is {name, missing: true}
  --help         this text

Exit code: 0, or 1 if a client missed a 413 with lingerOnClose, or a client of Node one with
register-clients.
`;

const DOCTOR_USAGE = `Usage: lingering-close doctor [options]

Shows what closing a socket has to work with here: platform, Node.js, the addon and its file, the
engine and why it is not the native one, the disposition of SIGPIPE, the limits and kernel settings
that matter, the kernel's counters of aborted connections, and which other Node.js processes listen,
whether their connections linger, and what limits they have (Linux). At the end it says what to do
about each thing that is not as it should be.

  --json  one JSON object; what is not available here is null, and "unavailable" says why;
          "Infinity" stands for no limit
  --help  this text

Exit code: 0, whatever it finds.
`;

const BUILD_USAGE = `Usage: lingering-close build [options]

Compiles the addon in the folder where lingering-close is installed, from the sources that are in
the package. It takes Python 3, make and a C++17 compiler. node-gyp and node-addon-api are those of
the application in the working directory, or else are fetched by npm for the time of the build.

  --help  this text

Exit code: 0, or 1 if the addon was not built.
`;

class UsageError extends Error {}

/** @returns the exit code */
async function run([command, ...args]: string[]): Promise<number> {
  switch (command) {
    case 'demo': {
      const { help, version, json, uploads } = parse(args, {
        json: { type: 'boolean' },
        uploads: { type: 'string', default: '50' },
      });
      if (help) return print(DEMO_USAGE);
      if (version) return printVersion();
      const checkedUploads = parseUploads(String(uploads));
      const { demo } = await import('./demo.ts');
      return demo({ uploads: checkedUploads, json: json === true });
    }
    case 'doctor': {
      const { help, version, json } = parse(args, { json: { type: 'boolean' } });
      if (help) return print(DOCTOR_USAGE);
      if (version) return printVersion();
      const { doctor } = await import('./doctor.ts');
      return doctor({ version: readVersion(), json: json === true, sigpipe });
    }
    case 'build': {
      const { help, version } = parse(args, {});
      if (help) return print(BUILD_USAGE);
      if (version) return printVersion();
      const { build } = await import('./build.ts');
      return build();
    }
    default: {
      if (command !== undefined && !command.startsWith('-')) throw new UsageError(`Unknown command '${command}'`);
      const { version } = parse(command === undefined ? [] : [command, ...args], {});
      return version ? printVersion() : print(USAGE);
    }
  }
}

function parse<Options extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: Options) {
  const common = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const;
  return parseArgs({ args, options: { ...options, ...common } }).values;
}

function parseUploads(text: string): number {
  const uploads = Number(text);
  if (/^\d+$/.test(text) && uploads >= 1 && uploads <= 100_000) return uploads;
  throw new UsageError(`Option '--uploads <n>' must be an integer from 1 to 100000. Received '${text}'`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function printVersion(): number {
  return print(`${readVersion()}\n`);
}

function readVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

function isUsageError(error: unknown): error is Error {
  return error instanceof UsageError || String((error as NodeJS.ErrnoException)?.code).startsWith('ERR_PARSE_ARGS_');
}

/** As Node.js and its flags have left it: the next line changes it. */
const sigpipe = addon ? getSigpipe() : undefined;
exitOnBrokenPipe();
try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (!isUsageError(error)) throw error;
  process.stderr.write(`lingering-close: ${error.message}\nTry 'lingering-close --help'.\n`);
  process.exitCode = 2;
}
