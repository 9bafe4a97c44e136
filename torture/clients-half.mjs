// Clients with register-clients, whose server resets.
import { median } from '../lab/statistics.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Clients that are reset';
export const what = `A client process with \`lingering-close/register-clients\` uploads to a server that answers early
and resets, and its next write meets the reset. An answer that has arrived must be read to its end, an error that is due
must come, and nothing may hang or stay behind. Here the descriptors, handles and memory are those of the client.`;

const WHOLE = 'HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlarge\n';
const LARGE = 6_000_000;
const headOf = (length) => `HTTP/1.1 413 Too Large\r\nContent-Length: ${length}\r\n\r\n`;
const UPLOADED = { unread: 40_000 };
const UPLOADED_TLS = { tls: true, unread: 20_000 };

const slowly = { pause: 1, early: true };
const large = { answer: headOf(LARGE), body: LARGE, acked: true, ...UPLOADED };

/** `ends`: what the log of the client must say, and `never`: what it must not say. */
const FAULTS = {
  'RST with an empty queue': {
    visit: { client: 'request', server: { ...UPLOADED } },
    ends: 'request error ECONNRESET',
    never: 'response',
  },
  'RST with an empty queue, TLS': {
    visit: { client: 'request', server: { ...UPLOADED_TLS } },
    ends: 'request error ECONNRESET',
    never: 'response',
  },
  'RST in mid-answer': {
    visit: { client: 'request', server: { answer: WHOLE.replace('6', '7'), ...UPLOADED } },
    ends: 'response aborted undefined',
    never: 'complete',
  },
  'RST behind 6 MB unread, read slowly by http.request': {
    visit: { client: 'request', server: large, ...slowly },
    ends: `response end ${LARGE}, complete`,
    never: 'error',
  },
  'RST behind 6 MB unread, read slowly by fetch': {
    visit: { client: 'fetched', server: large, ...slowly },
    ends: `body ${LARGE}`,
    never: 'terminated',
  },
  'FIN and RST behind 6 MB unread, read slowly by fetch': {
    visit: { client: 'fetched', server: { ...large, how: 'fin-reset' }, ...slowly },
    ends: `body ${LARGE}`,
    never: 'terminated',
  },
  'a server that answers and stays': {
    visit: { client: 'request', server: { answer: WHOLE, how: 'stay', ...UPLOADED }, abortAfter: 50 },
    ends: 'response end 6, complete',
    never: 'ECONNRESET',
  },
  'garbage behind the last record of TLS': {
    visit: { client: 'request', server: { answer: WHOLE, garbage: true, ...UPLOADED_TLS } },
    ends: 'response end 6, complete',
    never: 'error',
  },
  'garbage behind the last record of TLS, FIN and RST': {
    visit: { client: 'request', server: { answer: WHOLE, garbage: true, how: 'fin-reset', ...UPLOADED_TLS } },
    ends: 'response end 6, complete',
    never: 'error',
  },
  'abort in mid-wait': {
    visit: {
      client: 'request',
      server: { answer: headOf(4_000_000), body: 4_000_000, fills: true, ...UPLOADED },
      early: true,
      pause: 'forever',
      abortAfter: 200,
    },
    ends: 'response aborted undefined',
    never: 'complete',
  },
};

async function provoke(client, name, { visit, ends, never }, times) {
  const tally = new Tally(name);
  await client.ask('start', visit);
  // Node opens descriptors of its own for its first connections.
  await client.ask('visit');
  const held = await measured(client, async () => {
    for (let i = 0; i < times; i++) {
      const log = await client.ask('visit');
      const isRight = log.includes(ends) && !log.join().includes(never);
      tally.add(isRight ? ends : 'another end', isRight ? undefined : log.join());
    }
  });
  await client.ask('stop');
  return tally.row(held);
}

async function terminate(client, times) {
  const tally = new Tally('Worker.terminate() in mid-wait');
  await client.ask('start', { client: 'raw', server: { raw: true, answer: 'some data', ...UPLOADED } });
  await client.ask('terminate');
  const held = await measured(client, async () => {
    for (let i = 0; i < times; i++) tally.add(`exit code ${await client.ask('terminate')}`);
  });
  await client.ask('stop');
  return tally.row(held);
}

const BATCH = 100;

/** A great number of uploads. Where there is no answer, the time to the error is compared with that of plain Node. */
async function many(client, name, kind, end, count) {
  const tally = new Tally(name);
  await client.ask('startMany', kind);
  await client.ask('visitMany', Math.min(count, BATCH));
  const times = [];
  const held = await measured(client, async () => {
    for (let left = count; left > 0; left -= BATCH) {
      for (const result of await client.ask('visitMany', Math.min(left, BATCH))) {
        tally.add(result.end, result.end === end ? undefined : `ended with ${result.end}`);
        times.push(result.took);
      }
    }
  });
  await client.ask('stop');
  return { tally, held, times };
}

export async function run({ quick, times }) {
  const client = startServer('clients-half', { execArgv: ['--import', 'lingering-close/register-clients'] });
  const rows = [];
  for (const [name, fault] of Object.entries(FAULTS)) rows.push(await provoke(client, name, fault, times));
  rows.push(await terminate(client, times));
  const count = quick ? 2 : times * 50;
  const whole = await many(client, `${count} uploads, each with an answer`, 'whole', 'answer', count);
  rows.push(whole.tally.row(whole.held));
  const name = `${count} uploads without an answer`;
  const none = await many(client, name, 'none', 'ECONNRESET', count);
  const plain = startServer('clients-half');
  const asNode = await many(plain, name, 'none', 'ECONNRESET', quick ? 2 : times * 5);
  const [ours, theirs] = [none.times, asNode.times].map((values) => median(values).toFixed(2));
  rows.push(none.tally.row(none.held, `the error came after ${ours} ms (median), in plain Node after ${theirs} ms`));
  await client.stop();
  await plain.stop();
  return rows;
}

await main(import.meta.url, run);
