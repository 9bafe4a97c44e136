// `lingering-close demo`: real clients upload to a server that answers early. The server closes first as Node does, and
// then with lingerOnClose. At last Node's clients upload to the first server again, with register-clients.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { tcpAbortCounters } from '../system/counters.ts';
import { tieToProcess } from './children.ts';
import type { Client } from './demo-clients.ts';
import { findClients } from './demo-clients.ts';
import type { Phase, Tally } from './demo-report.ts';
import { toJson, toText } from './demo-report.ts';
import { Progress } from './progress.ts';

/** @returns the exit code */
export async function demo({ uploads, json }: { uploads: number; json: boolean }): Promise<number> {
  leaveRegisterOut(process.env);
  // For Node's clients under NODE_USE_ENV_PROXY: an upload through a proxy would show the proxy. curl has a flag.
  Object.assign(process.env, { NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' });
  const clients = await findClients();
  const before = await runPhase('before', clients, uploads);
  const after = await runPhase('after', clients, uploads);
  const clientsHalf = await runPhase('clients', clients, uploads);
  const phases = { before, after, clientsHalf };
  process.stdout.write(json ? toJson(clients, phases) : toText(clients, phases, uploads));
  const tallies = [...after.tallies, ...clientsHalf.tallies];
  return tallies.every((tally) => tally === undefined || tally.ok === uploads) ? 0 : 1;
}

/** A flag of NODE_OPTIONS, with a value that may be in quotes. */
const REGISTER = /(?<!\S)(?:--import|--require|-r)(?:=|\s+)(?:"[^"]*lingering-close\/[^"]*"|\S*lingering-close\/\S*)/g;

/** The child processes inherit NODE_OPTIONS. With `register` or `register-clients` there, none is Node as it is. */
function leaveRegisterOut(env: NodeJS.ProcessEnv): void {
  if (env['NODE_OPTIONS']) env['NODE_OPTIONS'] = env['NODE_OPTIONS'].replaceAll(REGISTER, '');
}

async function runPhase(phase: 'before' | 'after' | 'clients', clients: Client[], uploads: number): Promise<Phase> {
  const width = Math.max(...clients.map((client) => client.title.length));
  const resets = countResets();
  const server = await startServer(phase === 'after' ? 'linger' : 'plain');
  const tallies: (Tally | undefined)[] = [];
  for (const client of clients) {
    const { title } = client;
    const upload = phase === 'clients' ? client.deferringUpload : client.upload;
    if (!upload) {
      tallies.push(undefined);
      continue;
    }
    const tally: Tally = { ok: 0, errors: {} };
    tallies.push(tally);
    const progress = new Progress(`${phase.padEnd('clients'.length)}  ${title.padEnd(width)}`, uploads);
    await upload(server.url, uploads, (result) => {
      add(tally, result);
      progress.step(tally.ok);
    });
    progress.end();
  }
  await server.stop();
  return { tallies, ...resets() };
}

function add(tally: Tally, result: string): void {
  if (result === '413') {
    tally.ok++;
  } else {
    const name = /^\d+$/.test(result) ? `status ${result}` : result;
    tally.errors[name] = (tally.errors[name] ?? 0) + 1;
  }
}

async function startServer(close: 'plain' | 'linger'): Promise<{ url: string; stop(): Promise<void> }> {
  const child = tieToProcess(fork(fileURLToPath(new URL('./demo-server.js', import.meta.url)), [close]));
  const exit = once(child, 'exit');
  const ready = await Promise.race([once(child, 'message'), exit.then(() => undefined)]);
  if (!ready) throw new Error(`the server of the demo ended with exit code ${child.exitCode}`);
  const [{ port }] = ready as [{ port: number }];
  return {
    url: `http://127.0.0.1:${port}/`,
    async stop() {
      // A server that has crashed shows in the table: no client got an answer from then on.
      if (child.connected) child.send('stop');
      await exit;
    },
  };
}

/**
 * Starts to count resets.
 * @returns a function that returns the count so far. A plain close becomes a reset in two ways: unread data at the
 * close, and data that arrives for a closed socket. Each is counted once for a connection. Data that arrives in
 * TIME_WAIT is answered with RST too, and not counted: that can happen behind a linger that a limit has ended. (OutRsts
 * counts them all, but it counts segments, several for one connection.)
 */
function countResets(): () => Pick<Phase, 'resets' | 'uncounted'> {
  const read = () => {
    const { abortOnClose, abortOnData } = tcpAbortCounters();
    return abortOnClose + abortOnData;
  };
  try {
    const start = read();
    return () => ({ resets: read() - start });
  } catch (error) {
    return () => ({ resets: null, uncounted: (error as Error).message });
  }
}
