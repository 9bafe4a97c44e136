// The screen in front of docs/benchmarks.md: what this package costs, and what the same costs beside it.
import { markdownTable } from '../../lab/markdown.mjs';

const NODE = 'Node as it is';
const BESIDE = [NODE, 'nginx', 'Apache'];

/** `cell`: subject, table and column of the results. `ours`, `node`: the rows, where they have other names. */
const ROWS = [
  { what: 'throwing away a GB, one sender: CPU seconds', cell: ['discard', 'one', 'cpu'], digits: 4 },
  { what: 'the same, of 64 senders', cell: ['discard', 'many', 'cpu'], digits: 4 },
  { what: 'an upload of 64 KB, rejected: CPU, microseconds', cell: ['uploads', 'small', 'cpu'], digits: 0 },
  { what: 'the same, of 1 MB', cell: ['uploads', 'large', 'cpu'], digits: 0 },
  { what: 'answers to these that were seen, %', cell: ['uploads', 'large', 'answered'], digits: 1 },
  { what: 'a lingering connection: resident bytes', cell: ['memory', 'memory', 'resident'], digits: 0, node: false },
  { what: '9,000 lingering, each 1 byte a second: % of a core', cell: ['idle', 'idle', 'drip'], digits: 1 },
  { what: 'small GETs beside 32 hostile uploads: p99, ms', cell: ['neighbours', 'neighbours', 'p99'], digits: 1 },
  ...Object.entries({
    'keep-alive': 'a keep-alive request',
    close: 'a request with `Connection: close`',
    https: 'a keep-alive request over https',
    http2: 'a request over HTTP/2',
  }).map(([id, what]) => ({
    what: `${what}: instructions, \`register\``,
    cell: ['instructions', id, 'instructions'],
    digits: 0,
    ours: 'register',
  })),
  {
    what: 'a request with `Connection: close`: CPU, microseconds, `register`',
    cell: ['traffic', 'connection-close', 'cpu'],
    digits: 1,
    ours: 'register',
  },
];

/** `read` gives the results of a subject, or undefined. */
export function summary(subjects, read) {
  const rows = ROWS.flatMap(({ what, cell: [subject, id, column], digits, ours = 'lingering-close', node = true }) => {
    const table = read(subject)?.tables.find((each) => each.id === id);
    if (!table) return [];
    const median = (name) => table.rows.find((row) => row.name === name)?.cells[column]?.median?.toFixed(digits) ?? '';
    return [[what, ...[ours, ...BESIDE].map((name) => (name === NODE && !node ? '' : median(name)))]];
  });
  return [
    markdownTable(['median of the runs', 'lingering-close', ...BESIDE], rows),
    'An empty cell: not measured, or it does nothing of the kind. Node as it is lets no connection linger.',
    targets(subjects, read),
  ].join('\n\n');
}

function targets(subjects, read) {
  const all = subjects.flatMap((subject) => read(subject)?.targets ?? []);
  const missed = all.filter(({ met }) => !met);
  const text = `Of ${all.length} targets ${all.length - missed.length} are reached.`;
  if (missed.length === 0) return text;
  const named = missed.map(({ what, figure, limit }) => `- ${what}: ${figure}, wanted ${limit}`).join('\n');
  return `${text} Not reached:\n\n${named}`;
}
