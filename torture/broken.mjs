// Connections that are over before they are closed, and sockets that have none.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inGroups, startClients } from './lib/clients.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Connections that are over';
export const what =
  'Clients that hang up on a server of HTTP/2 over TLS that streams to them: the reset is met by a write of the ' +
  'server, and is told once. None of them may linger, and none may be told as delivered. And `destroy()` of sockets ' +
  'that have no connection in this process: Node.js closes them, `choose` is not asked, and nothing is counted.';

const program = fileURLToPath(new URL('lib/hang-up.mjs', import.meta.url));
/** Milliseconds in which a broken connection must be given up. To be idle takes 10 seconds. */
const SOON = 1_000;

export async function run({ times }) {
  const server = await startServer('broken');
  const clients = startClients();
  const rows = [await hangUpOn(server, times)];
  for (const way of ['sent to another process', 'never connected', 'connecting'])
    rows.push(await destroyWithoutConnection(server, clients, way, times));
  await clients.stop();
  await server.stop();
  return rows;
}

async function hangUpOn(server, times) {
  const tally = new Tally('an HTTP/2 client that hangs up on a stream over TLS');
  await hangUp(server, 1);
  const held = await measured(server, () => inGroups(times, 100, (count) => hangUp(server, count, tally)));
  return tally.row(held);
}

async function hangUp(server, count, tally) {
  const port = await server.ask('listen', 'http2');
  const peers = spawn(process.execPath, [program, `https://127.0.0.1:${port}`, count], { stdio: 'ignore' });
  await server.ask('streaming', count);
  await delay(200);
  peers.kill('SIGKILL');
  await once(peers, 'exit');
  await server.ask('closed', count);
  await delay(SOON);
  const { active } = await server.ask('state');
  const reports = await server.ask('reports', 0);
  for (const report of reports) {
    const wrong = report.delivered === true || report.outcome !== 'peer-reset';
    tally?.add(report.outcome, wrong ? `wrong: ${JSON.stringify(report)}` : undefined);
  }
  for (let i = 0; i < active; i++) tally?.add('lingers', 'a connection that is over lingers');
  for (let i = 0; i < count - reports.length - active; i++) tally?.add('closed by Node.js');
}

async function destroyWithoutConnection(server, clients, way, times) {
  const tally = new Tally(`\`destroy()\` of a socket that was ${way}`.replace('was connecting', 'is connecting'));
  const destroy = async (count, tally) => {
    const port = await server.ask('listen', 'net');
    await clients.do('open', { count, port });
    const before = await server.ask('state');
    const results = await server.ask('destroy', { way, count });
    await clients.do('reset');
    await server.ask('closed', count);
    const { active } = await server.ask('state');
    for (const { thrown, asked } of results) {
      const wrong = thrown ?? (asked > 0 ? '`choose` was asked' : undefined);
      tally?.add('closed by Node.js', wrong);
    }
    if (way === 'sent to another process' && active !== before.active)
      tally?.add('counted', `${active} of ${count} are counted as lingering`);
  };
  const held = await measured(server, async () => {
    await inGroups(times, 50, (count) => destroy(count, tally));
    await server.ask('stopTaker');
  });
  return tally.row(held);
}

await main(import.meta.url, run);
