// npm run test:distance: uploads over emulated networks, to plain Node, to Node with lingerOnClose, and to nginx.
//   (nothing)    the full suite: about ten minutes
//   --short      the same kinds in a minute
//   --record     the full suite, and writes docs/distance.md
//   WORDS        only the rows whose names contain them all
// With lingerOnClose every client has to get its answer. Without it some must not: else the row would prove nothing.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { whyNoDistance } from '../../lab/distance.mjs';
import { measure } from './measure.mjs';
import { CLOSES, FULL, SHORT, SHUTDOWNS } from './networks.mjs';
import { record } from './record.mjs';
import { shutDown } from './shut-down.mjs';

const SERVERS = ['plain', 'ours', 'nginx'];
/** Rows at once. An emulated network needs time rather than CPU. */
const AT_ONCE = 3;

const words = process.argv.slice(2);
const isShort = words.includes('--short');
const wanted = words.filter((word) => !word.startsWith('--'));
const rows = (isShort ? SHORT : FULL).filter(({ name }) => wanted.every((word) => name.includes(word)));

const reason = whyNoDistance();
if (reason) {
  console.log(`[skipped: the distance suite: ${reason}]`);
  process.exit();
}

const hasNginx = existsSync('/usr/sbin/nginx');
if (!hasNginx) console.log('[skipped: nginx is not installed]');
const servers = SERVERS.filter((server) => server !== 'nginx' || hasNginx);
const shutdowns = (isShort ? SHUTDOWNS.slice(1, 2) : SHUTDOWNS).filter(({ name }) =>
  wanted.every((word) => name.includes(word)),
);
const closed = new Map(shutdowns.map((row) => [row, {}]));
const jobs = [
  ...rows.flatMap((row) => servers.map((server) => () => run({ row, server }))),
  ...shutdowns.flatMap((row) => CLOSES.map((close) => () => runShutdown(row, close))),
];
const results = new Map(rows.map((row) => [row, {}]));
const complaints = [];
const left = [...jobs];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let job = left.shift(); job; job = left.shift()) await job();
  }),
);

async function run({ row, server }) {
  let result = await measure(row, server);
  // Chance has its part in a network that loses packets: what failed once is tried a second time, and told.
  if (complaintsOf(row, server, result).length > 0) {
    console.log(`${row.name}, ${server}: once more, after ${complaintsOf(row, server, result).join('; ')}`);
    result = await measure(row, server);
  }
  complaints.push(...complaintsOf(row, server, result).map((what) => `${row.name}, ${server}: ${what}`));
  results.get(row)[server] = result;
  console.log(`${row.name}, ${server}: ${told(result)}`);
}

async function runShutdown(row, { name, options, sure }) {
  const ends = await shutDown(row, options);
  closed.get(row)[name] = ends;
  const text = Object.entries(ends).map(([end, count]) => `${end} ${count}`);
  console.log(`${row.clients} clients that ${row.name}, ${name}: ${text.join(', ')}`);
  if (sure?.(row) && ends.lost) complaints.push(`clients that ${row.name}, ${name}: ${ends.lost} lost a request`);
}

function told({ writers, readers, failures, outcomes, delivered }) {
  const parts = [];
  if (writers[1]) parts.push(`${writers[0]} of ${writers[1]} that write everything first`);
  if (readers[1]) parts.push(`${readers[0]} of ${readers[1]} that read meanwhile`);
  for (const [name, list] of Object.entries({ failures, outcomes })) {
    const text = Object.entries(list).map(([key, count]) => `${key} ${count}`);
    if (text.length > 0) parts.push(`${name}: ${text.join(', ')}`);
  }
  if (delivered.right) parts.push(`delivered right in ${delivered.right} of ${delivered.right}`);
  return parts.join('; ');
}

function complaintsOf({ expected = {} }, server, { writers, readers, delivered }) {
  const found = delivered.wrong.map((each) => `a report is untrue: ${JSON.stringify(each)}`);
  const cut = expected[server] === 'cut';
  if (server === 'ours' && !cut && writers[0] + readers[0] < writers[1] + readers[1])
    found.push(`${writers[1] + readers[1] - writers[0] - readers[0]} clients missed their answer`);
  if (cut && writers[0] === writers[1]) found.push('no client missed its answer, so the row proves nothing');
  if (server === 'plain' && writers[1] > 0 && writers[0] === writers[1])
    found.push('no client missed its answer, so the row proves nothing');
  return found;
}

if (words.includes('--record')) record(results, closed, fileURLToPath(new URL('../../docs/', import.meta.url)));
for (const complaint of complaints) console.error(`failed: ${complaint}`);
process.exit(complaints.length > 0 ? 1 : 0);
