// Clients that would wait for ever, or lose an answer, where a server or Node.js stops to read.
import { setTimeout } from 'node:timers/promises';
import { byPort, inGroups, startClients, wrongWithWhole } from './lib/clients.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Clients that would wait';
export const what =
  'Clients that send their whole upload before they read, at servers that answer and stop to read; sockets that are ' +
  'ended and that nothing reads; requests that lie in the kernel when Node.js closes an idle connection; and an ' +
  'answer over TLS whose request is destroyed behind it. `keepAliveTimeout` is 65 s. Each client must have the whole ' +
  'answer, and EOF.';

const MB = 1e6;
const UPLOAD = 8 * MB;
const head = (bytes) => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;
const POST = `${head(5)}12345`;
const UPGRADE = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: none\r\n\r\n';
const END = 'THE END';

/** Milliseconds after which a client has waited too long: two looks, one a second, on a busy machine. */
const LATE = 15_000;

/** By name: the server, and what each client sends before it reads. `outcome`: how the linger must end. */
const SCENES = {
  'answered, and the request stalls: http': {
    way: { kind: 'http', how: 'stall' },
    send: { text: head(UPLOAD), bytes: UPLOAD },
    atOnce: 25,
  },
  'answered, and the request stalls: https': {
    way: { kind: 'https', how: 'stall' },
    send: { text: head(UPLOAD), bytes: UPLOAD },
    atOnce: 25,
  },
  'https: head, body, then `request.destroy()`': {
    way: { kind: 'https', how: 'flush' },
    send: { text: head(1_000), bytes: 500 },
    atOnce: 50,
  },
  ...Object.fromEntries(
    [
      ['net', 'end', ''],
      ['tls', 'end', ''],
      ['http', 'refuse', UPGRADE],
    ].map(([kind, how, text]) => [
      `\`end()\` alone, and nothing reads: ${how === 'refuse' ? 'a refused upgrade' : kind}`,
      {
        way: { kind, how, options: { idleTimeout: 300 } },
        send: { text, bytes: 100_000 },
        atOnce: 100,
        outcome: 'idle',
      },
    ]),
  ),
};

export async function run({ quick, times }) {
  const server = await startServer('waits');
  const clients = startClients();
  const rows = [];
  for (const [name, scene] of Object.entries(SCENES)) {
    const tally = new Tally(name);
    await visit(server, clients, scene, 1);
    const held = await measured(server, () =>
      inGroups(times, scene.atOnce, (count) => visit(server, clients, scene, count, tally)),
    );
    rows.push(tally.row(held));
  }
  for (const how of ['keepAliveTimeout', 'closeIdleConnections()']) {
    const tally = new Tally(`a request in the kernel behind a blocked event loop: ${how}`);
    const held = await measured(server, () =>
      inGroups(times, 100, (count) => block(server, clients, how, count, quick ? 2_500 : 3_500, tally)),
    );
    rows.push(tally.row(held));
  }
  await clients.stop();
  await server.stop();
  return rows;
}

async function visit(server, clients, { way, send, outcome }, count, tally) {
  const port = await server.ask('listen', way);
  await clients.do('open', { count, port, tls: way.kind === 'https' || way.kind === 'tls' });
  const begun = performance.now();
  await clients.do('send', send);
  const results = await clients.do('read', { text: END });
  const took = performance.now() - begun;
  // Where the linger ends by a limit, its client stays to the end.
  if (!outcome) await clients.do('close');
  const reports = byPort(await server.ask('reports', count));
  if (outcome) await clients.do('close');
  for (const result of results) {
    const report = reports.get(result.port);
    const late = took > LATE + count * 100 ? `it took ${took.toFixed(0)} ms` : undefined;
    tally?.add(report?.outcome ?? 'no report', wrongWithWhole(report, result, outcome) ?? late);
  }
}

async function block(server, clients, how, count, milliseconds, tally) {
  const port = await server.ask('listen', { kind: 'http', how: 'echo' });
  await clients.do('open', { count, port });
  await clients.do('send', { text: POST });
  await clients.do('until', { text: 'got 5' });
  await server.ask('block', { how, milliseconds });
  // A request that is there before the event loop is blocked would be answered at once.
  await setTimeout(500);
  await clients.do('send', { text: POST });
  for (const answered of await clients.do('until', { text: 'got 5' }))
    tally.add(answered ? 'answered' : 'lost', answered ? undefined : 'the request was not answered');
  await clients.do('close');
  await server.ask('gone');
}

await main(import.meta.url, run);
