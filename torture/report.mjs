// Makes docs/reliability.md from torture/results/*.json, so that the text and the figures always agree.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from '../lab/machine.mjs';
import { markdownTable, wrapProse } from '../lab/markdown.mjs';
import { scripts } from './lib/scripts.mjs';
import { counts, isSound, megabytes } from './lib/tally.mjs';

const INTRODUCTION = `This page has each kind, and what became of it. Each section is a script
of \`torture/\`. The server runs in a process of its own, and its peers in others. A provocation is survived when the
server goes on, and when the close ends with the right outcome and the right report. Above all, a report says
\`delivered: true\` only when the peer has counted every byte, and FIN. Descriptors, handles (what keeps the event loop
alive) and resident memory are those of the server before the first provocation of a row and after the last.

\`npm run torture\` runs all scripts and writes this page. \`npm run torture -- peers --times 1000\` runs one of them,
as often as you like. \`npm test\` runs a short form of each.`;

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const results = scripts.map((name) => `results/${name}.json`).filter((file) => existsSync(at(file)));
const read = (file) => JSON.parse(readFileSync(at(file), 'utf8'));

const HEAD = ['', 'provoked', 'survived', 'outcomes', 'descriptors', 'handles', 'memory, MB'];

function cells(row) {
  const { subject, tried, survived, descriptors, handles, memory } = row;
  const fromTo = (values) => values?.join(' → ') ?? '';
  return [
    subject,
    tried,
    isSound(row) ? survived : `**${survived}**`,
    counts(row),
    fromTo(descriptors),
    fromTo(handles),
    fromTo(memory?.map(megabytes)),
  ];
}

async function section({ subject, seconds, rows }) {
  const { title, what } = await import(`./${subject}.mjs`);
  const notes = rows.filter(({ note }) => note).map(({ subject, note }) => `- ${subject}: ${note}`);
  const wrong = rows.flatMap(({ subject, complaints = [] }) =>
    complaints.map((complaint) => `- ${subject}: ${complaint}`),
  );
  return [
    `## ${title}`,
    `${what} \`node torture/${subject}.mjs\`, ${seconds} s.`,
    markdownTable(HEAD, rows.map(cells), [0, 3]),
    ...(notes.length > 0 ? [notes.join('\n')] : []),
    ...(wrong.length > 0 ? [`**Not survived:**\n\n${wrong.join('\n')}`] : []),
  ].join('\n\n');
}

const all = results.map(read);
const loads = all.map(({ load }) => load);
const load = [Math.min(...loads), Math.max(...loads)].map((each) => each.toFixed(1)).join(' to ');
const machine = `${describe(all)} It was a virtual one on a shared host. Load average when the scripts began, which
counts the script before for a minute: ${load}.`;
const sum = (key) => all.flatMap(({ rows }) => rows).reduce((total, row) => total + row[key], 0);
const [tried, survived] = ['tried', 'survived'].map((key) => sum(key).toLocaleString('en'));
const answer = `Of ${tried} provocations, processes with this package have survived ${survived}.`;
const page = ['# Reliability', `${answer} ${INTRODUCTION}`, machine, ...(await Promise.all(all.map(section)))];
writeFileSync(
  at('../docs/reliability.md'),
  wrapProse(`<!-- Made by torture/report.mjs of torture/results. -->\n\n${page.join('\n\n')}\n`),
);
