// Makes docs/reliability.md of torture/results/*.json, so that the text and the figures cannot disagree.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from '../lab/machine.mjs';
import { markdownTable, wrapProse } from '../lab/markdown.mjs';
import { scripts } from './lib/scripts.mjs';
import { counts, isSound, megabytes } from './lib/tally.mjs';

const INTRODUCTION = `What a server meets when things go wrong, provoked many times over, and what became of it. Each section is a script of \`torture/\`; the server runs in a process of its own, its peers in
others. A provocation counts as survived when the server goes on, and the close ended in the way, and with the report, that is right for it: above all, \`delivered: true\` only where the peer has
counted every byte, and FIN. Descriptors, handles (what keeps the event loop alive) and resident memory are those of the server before the first and after the last provocation of a row.

\`npm run torture\` runs all of it and writes this page; \`npm run torture -- peers --times 1000\` one of them, as often as you like. A short form of each is part of \`npm test\`.`;

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
const machine = `${describe(all)} Load average when the scripts began: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}: it was shared, and far from idle, which is what the seconds tell of.`;
const page = ['# Reliability', INTRODUCTION, machine, ...(await Promise.all(all.map(section)))];
writeFileSync(
  at('../docs/reliability.md'),
  wrapProse(`<!-- Made by torture/report.mjs of torture/results. -->\n\n${page.join('\n\n')}\n`),
);
