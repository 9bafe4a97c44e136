// The frame of a benchmark: its arguments, what it was run on, and its results as JSON and as a table.
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, versions } from '../../lab/machine.mjs';
import { pairedRatio, summary } from '../../lab/statistics.mjs';
import { daemonVersion } from './daemons.mjs';
import { startRival } from './rivals.mjs';

const DAEMONS = ['nginx', 'Apache', 'squid', 'HAProxy'];

export class Bench {
  /** `quick`: a smoke run, whose figures mean nothing and are written nowhere but where `--out` says. */
  quick;
  runs;
  #result;
  #out;
  #missing = new Map();
  #absent = new Set();
  #scale;

  /** `runs`: how many, unless `--runs` says otherwise. */
  constructor(subject, { runs = 5 } = {}) {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        runs: { type: 'string' },
        out: { type: 'string' },
        scale: { type: 'string' },
      },
    });
    this.#scale = Number(values.scale ?? 1);
    this.quick = values.quick === true;
    this.runs = this.quick ? 1 : Number(values.runs ?? runs);
    this.#out = values.out ?? (this.quick ? undefined : fileURLToPath(new URL('../results', import.meta.url)));
    this.#result = {
      subject,
      runs: this.runs,
      machine: machine(),
      versions: { ...versions(), ...daemonVersions() },
      load: { before: os.loadavg()[0] },
      tables: [],
      curves: [],
      targets: [],
      missing: [],
    };
  }

  /** The value of an ordinary run, or of a quick one. */
  size(ordinary, quick) {
    return this.quick ? quick : ordinary;
  }

  /** The value of an ordinary run times `--scale`, for a machine that has no half an hour; the captions tell of it. */
  scaled(ordinary, quick) {
    return this.quick ? quick : ordinary * this.#scale;
  }

  /** Starts a rival, or notes why it cannot be had, and gives nothing. */
  async start(name, options) {
    if (this.#absent.has(name)) return undefined;
    try {
      return await startRival(name, options);
    } catch (error) {
      this.#absent.add(name);
      this.note(name, error.message);
      return undefined;
    }
  }

  /** A rival that has no figures, or not of every run, and why. */
  note(name, reason) {
    if (!this.#missing.has(name)) console.error(`${name}: ${reason}`);
    this.#missing.set(name, reason);
  }

  /** `rows`: the samples of each rival, by column. An array is summed up; anything else stands as it is. */
  table(id, caption, columns, rows) {
    const summed = Object.entries(rows).map(([name, cells]) => ({
      name,
      cells: Object.fromEntries(
        Object.entries(cells).map(([key, value]) => [key, Array.isArray(value) ? summary(value) : value]),
      ),
    }));
    this.#result.tables.push({ id, caption, columns, rows: summed });
    print(caption, columns, summed);
  }

  /** `series`: by name, points of x and samples. */
  curve(id, title, x, y, series) {
    const points = Object.entries(series).map(([name, values]) => ({
      name,
      points: values.map(([at, samples]) => [at, summary(samples).median]),
    }));
    this.#result.curves.push({ id, title, x, y, series: points });
  }

  /** The target that a figure keeps at most (or, with `atLeast`, at least). */
  target(what, figure, limit, { atLeast = false, digits = 3 } = {}) {
    // The sizes of a quick run are too small for any of them.
    if (this.quick || figure === undefined || Number.isNaN(figure)) return;
    const met = atLeast ? figure >= limit : figure <= limit;
    this.#result.targets.push({
      what,
      figure: Number(figure.toFixed(digits)),
      limit: `${atLeast ? '>=' : '<='} ${Number(limit.toFixed(4))}`,
      met,
    });
    console.log(
      `${met ? 'reached    ' : 'NOT REACHED'}  ${what}: ${figure.toFixed(digits)} (${atLeast ? 'at least' : 'at most'} ${Number(limit.toFixed(4))})`,
    );
  }

  /** A target for the median of the ratios of paired runs. Without the rival there is none. */
  targetRatio(what, ours, theirs, limit, options) {
    if (ours?.length && theirs?.length) this.target(what, pairedRatio(ours, theirs).median, limit, options);
  }

  /** Writes the results. The process ends here, and with it whatever it has started. */
  finish() {
    this.#result.missing = [...this.#missing].map(([name, reason]) => ({ name, reason }));
    this.#result.load.after = os.loadavg()[0];
    if (this.#out) {
      mkdirSync(this.#out, { recursive: true });
      writeFileSync(`${this.#out}/${this.#result.subject}.json`, `${JSON.stringify(this.#result, rounded, 1)}\n`);
    }
    process.exit(0);
  }
}

/** Five significant digits: more would be noise, and as large as everything else in the file. */
function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}

function daemonVersions() {
  return Object.fromEntries(DAEMONS.map((name) => [name, daemonVersion(name) ?? 'not installed']));
}

function print(caption, columns, rows) {
  console.log(`\n${caption}`);
  const names = Object.keys(columns);
  for (const { name, cells } of rows) {
    const texts = names.map((key) => `${columns[key].label} ${cellText(cells[key], columns[key].digits)}`);
    console.log(`  ${name.padEnd(34)} ${texts.join('   ')}`);
  }
}

export function cellText(cell, digits = 2) {
  if (cell === undefined) return '';
  if (typeof cell !== 'object') return typeof cell === 'number' ? cell.toFixed(digits) : String(cell);
  const [median, min, max] = [cell.median, cell.min, cell.max].map((value) => value.toFixed(digits));
  return cell.values.length > 1 ? `${median} (${min} to ${max})` : median;
}
