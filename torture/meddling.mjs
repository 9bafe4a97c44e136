// An application that meddles with the sockets that it has given to safeClose, or that throws where it is called.
import { setTimeout as delay } from 'node:timers/promises';
import { inGroups, startClients, wrongClaim } from './lib/clients.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'An application that meddles';
export const what =
  'Before `safeClose`, right behind it and later, the application does what it can to the socket: it removes the ' +
  'listeners, emits events by hand, replaces `destroy` by one that does nothing or throws, corks, pauses, reads, ' +
  'pipes, resets and destroys: by turns what `lab/interference-actions.mjs` lists. Every promise ' +
  'must settle: at its limits with a silent client, and without limits when the client has read and closed. And ' +
  'code of the application that throws, for all closes that end in one turn of the event loop: each has its ' +
  'report, and each exception is uncaught.';

const UPLOAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nthe rest never comes';
const LIMITS = { idleTimeout: 300, timeout: 600 };
const PATIENCE = 30_000;
const AT_ONCE = 100;
const END = 'THE END';

export async function run({ times }) {
  const server = await startServer('meddling');
  const clients = startClients();
  const rows = [];
  for (const kind of ['net', 'tls', 'http']) {
    for (const limits of [LIMITS, null]) {
      const tally = new Tally(
        `${kind}, ${limits ? 'a silent client, limits' : 'a client that reads and closes, no limits'}`,
      );
      await meddle(server, clients, { kind, limits, count: 1 });
      const held = await measured(server, () =>
        inGroups(times, AT_ONCE, (count) => meddle(server, clients, { kind, limits, count, tally })),
      );
      rows.push(tally.row(held));
    }
  }
  const tally = new Tally('`removeEventListener` of the signal throws, at the end of all closes of a turn');
  const held = await measured(server, () =>
    inGroups(times, AT_ONCE, (count) => throwAtOnce(server, clients, count, tally)),
  );
  rows.push(tally.row(held));
  await clients.stop();
  await server.stop();
  return rows;
}

async function meddle(server, clients, { kind, limits, count, tally }) {
  // Both sizes by turns: few bytes are in the kernel at once, and many wait for the client.
  for (const [output, share] of [
    ['few', Math.ceil(count / 2)],
    ['many', Math.floor(count / 2)],
  ]) {
    if (share === 0) continue;
    const port = await server.ask('meddle', { kind, output, limits });
    await clients.do('open', { count: share, port, tls: kind === 'tls' });
    await clients.do('send', { text: kind === 'http' ? UPLOAD : '.' });
    // The latest action.
    await delay(300);
    const read = async () => {
      const read = await clients.do('read', { text: END });
      await clients.do('close');
      return new Map(read.map((each) => [each.port, each]));
    };
    const early = limits ? undefined : await read();
    const { results, thrown } = await server.ask('settled', { count: share, patience: PATIENCE });
    // What a silent client has got is read behind the close.
    const got = early ?? (await read());
    for (const { name, when, port, report } of results) {
      const wrong = report ? wrongClaim(report, got.get(port) ?? {}) : 'the promise does not settle';
      tally?.add(report?.outcome ?? 'never settled', wrong && `${name}, ${when}: ${wrong}`);
    }
    for (let i = results.length; i < share; i++) tally?.add('no close', 'the server saw no connection');
    for (const stack of thrown) tally?.add('thrown', stack);
  }
}

async function throwAtOnce(server, clients, count, tally) {
  const port = await server.ask('throwing');
  await clients.do('open', { count, port });
  await clients.do('until', { text: END });
  await server.ask('block', 500);
  await delay(100);
  await clients.do('close');
  const { results, thrown } = await server.ask('settled', { count, patience: PATIENCE });
  for (const { report } of results)
    tally.add(report?.outcome ?? 'no report', report?.outcome === 'eof' ? undefined : JSON.stringify(report ?? null));
  await delay(100);
  const { thrown: more } = await server.ask('settled', { count: 0, patience: 0 });
  if (thrown.length + more.length !== results.length)
    tally.add('lost exceptions', `${thrown.length + more.length} of ${results.length} exceptions were uncaught`);
}

await main(import.meta.url, run);
