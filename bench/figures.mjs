// node bench/figures.mjs draws the pictures of the four figures that people ask for, from what was recorded:
// bench/results/, and the tables of docs/clients.md. bench/report.mjs shows them in front of docs/benchmarks.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { barChart, pairChart } from '../lab/plot.mjs';
import { median } from '../lab/statistics.mjs';
import { ADAPTERS } from './shutdown/adapters.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const results = (subject) => JSON.parse(readFileSync(at(`results/${subject}.json`), 'utf8'));
const OURS = 'lingering-close';

/** Each has a file, a title, and where its figures come from. */
export function drawFigures() {
  return [...cost(), shutdown(), ...answers()];
}

function cost() {
  return [
    ['discard', 'one', 'cpu', 'cpu', 'Throwing away a GB that a client still sends', 'CPU seconds a GB'],
    ['memory', 'memory', 'resident', 'memory', 'Memory of a lingering connection', 'bytes of the process'],
  ].map(([subject, id, column, name, title, unit]) => {
    const { rows } = results(subject).tables.find((table) => table.id === id);
    const shown = [OURS, 'socket.resume()', 'nginx', 'Apache'];
    const bars = rows
      .filter((row) => shown.includes(row.name))
      .map((row) => ({ name: row.name, ...row.cells[column], ours: row.name === OURS }));
    return draw(
      `figure-${name}`,
      title,
      barChart(title, unit, bars, { linear: true }),
      `benchmarks.md#${HEADINGS[subject]}`,
    );
  });
}

const HEADINGS = { discard: 'discarding-an-upload', memory: 'memory' };

function shutdown() {
  const { results: ways, restarts } = results('shutdown');
  const bars = Object.entries(ways).map(([way, { http: runs }]) => {
    const lost = runs.map((run) => run.lost);
    return {
      name: ADAPTERS[way].title.replaceAll('`', ''),
      median: median(lost),
      min: Math.min(...lost),
      max: Math.max(...lost),
      ours: way === OURS,
    };
  });
  const title = 'Requests lost, by each way to shut down';
  const chart = barChart(title, `requests in ${restarts} restarts, of 32 clients that never retry`, bars);
  return draw('figure-shutdown', title, chart, 'shutdown.md#what-clients-lose');
}

/** The two halves of docs/clients.md: what Node's servers and Node's clients do to answers. */
function answers() {
  const text = readFileSync(at('../docs/clients.md'), 'utf8');
  const each = Number(/(\d+) times/.exec(text)?.[1]);
  const tables = tablesOf(text);
  const servers = pairsOf(tables.find(({ figures }) => figures.length === 2) ?? { rows: [] }, each);
  const clients = crossedPairsOf(tables);
  const halves = [
    ['servers', 'Answers that clients got, from Node as a server', servers],
    ['clients', "Answers that Node's clients got, from servers that reset", clients],
  ];
  return halves.map(([half, title, pairs]) => {
    const chart = pairChart(title, 'of 5 MB uploads that were answered early', pairs, ['Node as it is', OURS]);
    return draw(`figure-answers-${half}`, title, chart, 'clients.md');
  });
}

/** `figures`: the columns that are aligned to the right. */
function tablesOf(text) {
  const tables = text.match(/(?:^\|.*\|\n)+/gm) ?? [];
  return tables
    .map((table) =>
      table
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(2, -2).split(/ ?\| /)),
    )
    .map(([head, rule, ...rows]) => ({
      head,
      figures: rule.flatMap((cell, i) => (cell.trim().endsWith(':') ? [i] : [])),
      rows,
    }));
}

/** Summed over the rows of a client, whatever its version, its way and its framing. */
function pairsOf({ rows, figures: [before, after] = [] }, each) {
  const pairs = new Map();
  for (const row of rows) {
    const client = row[0].replace(/ [\d.]+$/, '').replace(/ ([\d.]+)(?= )/, '');
    const name = /nginx/.test(row[1]) ? `${client}, through nginx` : client;
    const pair = pairs.get(name) ?? { name, whole: 0, before: 0, after: 0 };
    const whole = Number(/of (\d+)/.exec(row[before])?.[1] ?? each);
    pair.whole += whole;
    pair.before += Number.parseInt(row[before], 10);
    pair.after += Number.parseInt(row[after], 10);
    pairs.set(name, pair);
  }
  return [...pairs.values()];
}

/** Clients by servers, in each cell "4 → 50 of 50": summed over the servers from which Node as it is loses answers. */
function crossedPairsOf(tables) {
  const cells = tables.flatMap(({ head, rows }) =>
    rows.flatMap(([name, ...columns]) =>
      columns.flatMap((text, i) => {
        const [, before, after, whole] = (/^(\d+) → (\d+) of (\d+)$/.exec(text) ?? []).map(Number);
        return whole ? [{ name, server: head[i + 1].split(' ')[0], before, after, whole }] : [];
      }),
    ),
  );
  // A proxy loses some of its own.
  const loses = ({ before, whole, name }) => before < whole && !name.includes('proxy');
  const losing = new Set(cells.filter(loses).map(({ server }) => server));
  const pairs = new Map();
  for (const { name, server, before, after, whole } of cells) {
    if (!losing.has(server)) continue;
    const pair = pairs.get(name) ?? { name, whole: 0, before: 0, after: 0 };
    pairs.set(name, pair);
    pair.whole += whole;
    pair.before += before;
    pair.after += after;
  }
  return [...pairs.values()];
}

function draw(name, title, chart, source) {
  writeFileSync(at(`../docs/plots/${name}.svg`), chart);
  return { title, file: `plots/${name}.svg`, source };
}

if (process.argv[1] && existsSync(process.argv[1]) && fileURLToPath(import.meta.url) === process.argv[1]) {
  for (const { file, title } of drawFigures()) console.log(`docs/${file}: ${title}`);
}
