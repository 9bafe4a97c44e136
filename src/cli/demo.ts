// `lingering-close demo`: real clients upload to a server that answers early, first as Node closes and then with lingerOnClose.

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
  const clients = await findClients();
  const before = await runPhase('before', clients, uploads);
  const after = await runPhase('after', clients, uploads);
  process.stdout.write(json ? toJson(clients, before, after) : toText(clients, before, after, uploads));
  return after.tallies.every((tally) => tally === undefined || tally.ok === uploads) ? 0 : 1;
}

async function runPhase(phase: 'before' | 'after', clients: Client[], uploads: number): Promise<Phase> {
  const width = Math.max(...clients.map((client) => client.title.length));
  const resets = countResets();
  const server = await startServer(phase === 'before' ? 'plain' : 'linger');
  const tallies: (Tally | undefined)[] = [];
  for (const { title, upload } of clients) {
    if (!upload) {
      tallies.push(undefined);
      continue;
    }
    const tally: Tally = { ok: 0, errors: {} };
    tallies.push(tally);
    const progress = new Progress(`${phase.padEnd('before'.length)}  ${title.padEnd(width)}`, uploads);
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
      // One that has crashed shows in the table: nobody got an answer any more.
      if (child.connected) child.send('stop');
      await exit;
    },
  };
}

/**
 * Starts to count; the function returned gives the sum. A close with unread data, and data that comes for a closed socket, are the two ways in which a
 * server's close becomes a reset; each is counted once a connection. (OutRsts counts segments, several for one connection.)
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
