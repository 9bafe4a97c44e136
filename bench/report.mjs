// Makes docs/benchmarks.md and its plots from bench/results/*.json, so that the text and the figures always agree.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from '../lab/machine.mjs';
import { markdownTable, wrapProse } from '../lab/markdown.mjs';
import { barChart, lineChart } from '../lab/plot.mjs';
import { drawFigures } from './figures.mjs';
import { cellText } from './lib/bench.mjs';
import { summary } from './lib/summary.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const NOTES = JSON.parse(readFileSync(at('notes.json'), 'utf8'));
const plots = at('../docs/plots');

const OURS = /^lingering-close|^lingerOnClose$|^register$|^safeClose/;
const read = (subject) =>
  existsSync(at(`results/${subject}.json`))
    ? JSON.parse(readFileSync(at(`results/${subject}.json`), 'utf8'))
    : undefined;

function image(name, title, text) {
  writeFileSync(`${plots}/${name}.svg`, text);
  return `![${title}](plots/${name}.svg)`;
}

function tableSection(subject, { id, caption, columns, rows }) {
  const used = Object.entries(columns).filter(([key]) => rows.some(({ cells }) => cells[key] !== undefined));
  const parts = inParts(used).map((columns) =>
    markdownTable(
      [caption, ...columns.map(([, { label }]) => label)],
      rows.map(({ name, cells }) => [name, ...columns.map(([key, { digits }]) => cellText(cells[key], digits))]),
    ),
  );
  // The first column that was measured: what was expected is none.
  const [key, { label }] = used.find(([each]) => each !== 'expected');
  const bars = rows.flatMap(({ name, cells }) => {
    const cell = typeof cells[key] === 'number' ? ofOneRun(cells[key]) : cells[key];
    return cell?.values ? [{ name, ...cell, ours: OURS.test(name) }] : [];
  });
  parts.push(image(`${subject}-${id}`, `${caption}: ${label}`, barChart(caption, label, bars)));
  return parts.join('\n\n');
}

function ofOneRun(value) {
  return { median: value, min: value, max: value, values: [value] };
}

/** A table of more figures than that is wider than a screen. */
const COLUMNS = 4;

function inParts(columns) {
  const count = Math.ceil(columns.length / COLUMNS);
  const size = Math.ceil(columns.length / count);
  return Array.from({ length: count }, (_, i) => columns.slice(i * size, (i + 1) * size));
}

function section(subject) {
  const result = read(subject);
  const { title, what, remarks } = NOTES[subject];
  const parts = [`## ${title}`, `${what} \`node bench/${subject}.mjs\`, ${result ? `${result.runs} runs` : ''}.`];
  if (!result) return [`## ${title}`, `Not measured yet: \`node bench/${subject}.mjs\`.`].join('\n\n');
  parts.push(...result.tables.map((table) => tableSection(subject, table)));
  if (result.missing.length > 0) {
    parts.push(
      ['Without figures, or with a word to them:', ...result.missing.map(({ name, reason }) => `- ${name}: ${reason}`)]
        .join('\n')
        .replace('\n', '\n\n'),
    );
  }
  parts.push(
    ...result.curves.map(({ id, title: caption, x, y, series }) =>
      image(`${subject}-${id}`, caption, lineChart(caption, x, y, series)),
    ),
  );
  if (result.targets.length > 0) {
    parts.push(
      markdownTable(
        ['Target', 'figure', 'wanted', ''],
        result.targets.map(({ what: target, figure, limit, met }) => [
          target,
          figure,
          limit,
          met ? 'reached' : '**not reached**',
        ]),
      ),
    );
  }
  if (remarks) parts.push(remarks);
  return parts.join('\n\n');
}

const subjects = Object.keys(NOTES).filter((key) => !['summary', 'introduction'].includes(key));
mkdirSync(plots, { recursive: true });
// Other scripts have their pictures there too.
for (const file of readdirSync(plots)) if (subjects.includes(file.split('-')[0])) rmSync(`${plots}/${file}`);
const results = subjects.map(read).filter((result) => result !== undefined);
const loads = results.map(({ load }) => load.before);
const load = [Math.min(...loads), Math.max(...loads)].map((each) => each.toFixed(1)).join(' to ');
const page = [
  '# Benchmarks',
  NOTES.summary,
  summary(subjects, read),
  '## In pictures',
  ...drawFigures().map(({ title, file, source }) => `[![${title}](${file})](${source})`),
  '## How it was measured',
  NOTES.introduction,
  `${describe(results)} Load average when the scripts began: ${load}.`,
  ...subjects.map(section),
];
writeFileSync(
  at('../docs/benchmarks.md'),
  wrapProse(`<!-- Made by bench/report.mjs of bench/results and bench/notes.json. -->\n\n${page.join('\n\n')}\n`),
);
