// What a request pays, on a connection that stays open and on one of its own, over TLS and in HTTP/2: instructions of
// the server outside the kernel, counted by valgrind, because the difference is too small to be timed. On a busy
// machine V8 collects garbage at other moments, and the counts differ by some per cent.
//
// To load modules changes the counts of plain Node too, whatever the modules contain: V8 then keeps other things in its
// inline caches. (With 24 empty modules imported behind node:http2, two of Node's own statements miss theirs in each
// request, for 4 % in all.) So each way of loading this package has a row of empty modules that are loaded in the same
// way, and is compared with that row.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { Bench } from './lib/bench.mjs';
import { canCount, counted, tabulateCounts } from './lib/counted.mjs';
import { loadModules, modulesUrl, WITH_MODULES } from './lib/modules.mjs';
import { startOrdinary } from './lib/ordinary.mjs';
import { NODE_AS_IT_IS as PLAIN } from './lib/rivals.mjs';
import { startNodeServer } from './lib/servers.mjs';

const bench = new Bench('instructions', { runs: 2 });
/** The requests between the two counts are measured: without the start of the process, and without the compiler. */
const COUNTS = [bench.scaled(10_000, 20), bench.scaled(25_000, 40)];

const IMPORTED = `${WITH_MODULES}, imported`;
const BY_OPTION = `${WITH_MODULES}, by --import`;
const NAMES = [PLAIN, IMPORTED, BY_OPTION, 'lingerOnClose', 'register'];
const COMPARED_WITH = { lingerOnClose: IMPORTED, register: BY_OPTION };

/** For each case a client that sends `requests` requests, one at a time. */
const CLIENTS = {
  async 'keep-alive'(port, requests) {
    return getOneByOne(requests, { port, agents: fourAgents(http) });
  },
  async close(port, requests) {
    return getOneByOne(requests, { port, agents: [false], headers: { connection: 'close' } });
  },
  async https(port, requests) {
    return getOneByOne(requests, { port, agents: fourAgents(https), module: https });
  },
  async http2(port, requests) {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    for (let i = 0; i < requests; i++) await once(session.request({ ':path': '/' }).resume(), 'close');
    return () => session.on('error', () => {}).destroy();
  },
};

function fourAgents({ Agent }) {
  return Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false }));
}

async function getOneByOne(requests, { agents, module = http, ...options }) {
  for (let i = 0; i < requests; i++) {
    const request = module.get({ host: '127.0.0.1', agent: agents[i % agents.length], ...options });
    const [response] = await once(request, 'response');
    await once(response.resume(), 'end');
  }
  return () => {
    for (const agent of agents) if (agent) agent.destroy();
  };
}

/** Starts the server of a row. */
function start(name, protocol, { prefix, execArgv }) {
  if (name === IMPORTED) return startNodeServer('traffic', [protocol, modulesUrl()], { prefix, execArgv });
  if (name === BY_OPTION) return startOrdinary(PLAIN, protocol, { prefix, execArgv: [...execArgv, ...loadModules()] });
  return startOrdinary(name, protocol, { prefix, execArgv });
}

/** Instructions of a process from its start to its end, with `requests` requests. */
async function count(name, { id, protocol }, requests, seed) {
  const { prefix, execArgv, count } = counted(`${name}-${id}-${requests}`, seed);
  const server = await start(name, protocol, { prefix, execArgv });
  const end = await CLIENTS[id](server.port, requests);
  // valgrind writes its count when the process ends.
  await server.stop('SIGTERM', 60_000);
  end();
  return count();
}

async function perRequest(name, given, seed) {
  const [few, many] = COUNTS;
  // In parallel, because valgrind is slow.
  const [before, after] = await Promise.all(COUNTS.map((requests) => count(name, given, requests, seed)));
  return (after - before) / (many - few);
}

async function countAll(given) {
  const rows = Object.fromEntries(NAMES.map((name) => [name, { instructions: [] }]));
  for (let run = 1; run <= bench.runs; run++)
    for (const [name, { instructions }] of Object.entries(rows)) instructions.push(await perRequest(name, given, run));
  tabulateCounts(bench, { ...given, counts: COUNTS }, rows, COMPARED_WITH);
}

if (!canCount()) bench.note('valgrind', 'is not installed, and nothing can be counted without');
else {
  for (const given of [
    { id: 'keep-alive', protocol: 'http', caption: 'keep-alive', limit: 1.01 },
    { id: 'close', protocol: 'http', caption: 'Connection: close', limit: 1.03 },
    { id: 'https', protocol: 'https', caption: 'https', limit: 1.01 },
    { id: 'http2', protocol: 'http2', caption: 'HTTP/2', limit: 1.01 },
  ])
    if (bench.wants(given.id)) await countAll(given).catch(({ message }) => bench.note('valgrind', message));
}
bench.finish();
