// Part of `npm run lint`: no line of code, comment or Markdown prose is longer than 120 columns. It reads the tracked
// files, and prints each longer line as file:line and its length.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './targets.mjs';

const MOST = 120;
// Not JSON, SVG and the prebuilt binaries: programs write them.
const CODE = /\.(?:ts|mjs|js|cjs|cc|h|c|py|go|java|sh|gyp|map|clang-tidy|yml)$|^\.ci\/run$/;
// These lines of Markdown cannot be wrapped: tables, HTML, definitions of links, headings that hold a link, and images
// that stand alone.
const NO_PROSE = /^\s*(?:\||<|\[[^\]]*\]: |#.*\]\(|!\[[^\]]*\]\([^)]*\)$)/;
const FENCE = /^\s*(?:```|~~~)/;

const { stdout, status, error } = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
if (status !== 0) throw error ?? new Error('git cannot list the tracked files');

let found = 0;
for (const file of stdout.split('\0').filter((name) => CODE.test(name) || name.endsWith('.md'))) {
  if (!existsSync(join(root, file))) continue;
  const isProse = file.endsWith('.md') ? proseFilter() : () => true;
  for (const [i, line] of readFileSync(join(root, file), 'utf8').split('\n').entries()) {
    // A character outside the basic plane is one column.
    const { length } = [...line];
    if (!isProse(line) || length <= MOST) continue;
    console.error(`${file}:${i + 1}: ${length} columns`);
    found++;
  }
}
if (found > 0) {
  console.error(`${found} lines are longer than ${MOST} columns.`);
  process.exit(1);
}

/** @returns a function that is given the lines of a Markdown file in order, and tells of each whether it is prose */
function proseFilter() {
  let fenced = false;
  return (line) => {
    const mark = FENCE.test(line);
    if (mark) fenced = !fenced;
    return !mark && !fenced && !NO_PROSE.test(line);
  };
}
