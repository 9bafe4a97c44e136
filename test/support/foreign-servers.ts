// Servers that are not ours, and that refuse an upload before they have read it: with a reset, or like nginx and
// Apache, which linger, without.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { daemonVersion, noTls, startByName } from '../../lab/daemons.mjs';
import { GO, PYTHON } from './clients.ts';
import { python } from './python.ts';
import { runOk } from './run.ts';
import { serve } from './upload-tests.ts';

export type Scheme = 'http' | 'https';

export interface ForeignServer {
  name: string;
  /** Missing if the server is not installed. */
  version: string | undefined;
  schemes: readonly Scheme[];
  /** It refuses an upload by its length alone. Chunks get a reset from squid, 403 from lighttpd, 200 from nginx. */
  byLength: boolean;
  start(scheme: Scheme): Promise<AsyncDisposable & { port: number }>;
}

const BOTH = ['http', 'https'] as const;
const file = (name: string) => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));
const pem = fileURLToPath(new URL('../fixtures/localhost.pem', import.meta.url));
const certificate = (scheme: Scheme) => (scheme === 'https' ? [pem] : []);

/** A program that prints its port. */
async function startProgram([command, ...args]: [string, ...string[]], folder?: string) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  const [port] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    port: Number(port),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
      if (folder) rmSync(folder, { recursive: true });
    },
  };
}

async function startGo(scheme: Scheme) {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  const program = join(folder, 'server-go');
  await runOk('go', ['build', '-o', program, file('server.go')], { env: { GO111MODULE: 'off', GOFLAGS: '' } });
  return startProgram([program, ...certificate(scheme)], folder);
}

async function startDaemon(name: string, scheme: Scheme) {
  const { port, stop } = await startByName(name, { pem: certificate(scheme)[0] });
  return { port, [Symbol.asyncDispose]: stop };
}

const daemon = (name: string): ForeignServer => ({
  name,
  version: daemonVersion(name),
  schemes: noTls(name) ? ['http'] : BOTH,
  byLength: name !== 'HAProxy',
  start: (scheme) => startDaemon(name, scheme),
});

export const FOREIGN_SERVERS: ForeignServer[] = [
  {
    name: 'Node.js',
    version: process.versions.node,
    schemes: BOTH,
    byLength: false,
    start: (scheme) => serve(scheme, 'plain'),
  },
  {
    name: 'Python http.server',
    version: PYTHON.version,
    schemes: BOTH,
    byLength: false,
    start: (scheme) => startProgram([python, '-u', file('server.py'), ...certificate(scheme)]),
  },
  { name: 'Go net/http', version: GO.version, schemes: BOTH, byLength: false, start: startGo },
  ...['HAProxy', 'squid', 'lighttpd', 'nginx', 'Apache'].map(daemon),
];
