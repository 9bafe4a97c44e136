// What all benchmarks share: their arguments, the machine, and their results as JSON and as a table.
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { daemonVersion } from '../../lab/daemons.mjs';
import { machine, versions } from '../../lab/machine.mjs';
import { pairedRatio, summary } from '../../lab/statistics.mjs';
import { startRival } from './rivals.mjs';

const DAEMONS = ['nginx', 'Apache', 'squid', 'HAProxy'];

export class Bench {
  /** A smoke run. Its figures mean nothing, and are written only to a folder given with `--out`. */
  quick;
  runs;
  #result;
  #out;
  #missing = new Map();
  #absent = new Set();
  #scale;
  #only;

  /** `runs`: the number of runs without `--runs`. */
  constructor(subject, { runs = 5 } = {}) {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        runs: { type: 'string' },
        out: { type: 'string' },
        scale: { type: 'string' },
        only: { type: 'string' },
      },
    });
    this.#scale = Number(values.scale ?? 1);
    this.#only = values.only;
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

  /** Whether a case is to be measured: with `--only`, it is the one of that name. */
  wants(id) {
    return this.#only === undefined || this.#only === id;
  }

  /** The value for an ordinary run, or for a quick one. */
  size(ordinary, quick) {
    return this.quick ? quick : ordinary;
  }

  /**
   * The value for an ordinary run times `--scale`, for when there is no half an hour. The captions show the real value.
   */
  scaled(ordinary, quick) {
    return this.quick ? quick : ordinary * this.#scale;
  }

  /** Starts a rival. When this is impossible, notes why and returns undefined. */
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

  /** Notes why a rival has no figures, or not for every run. */
  note(name, reason) {
    if (!this.#missing.has(name)) console.error(`${name}: ${reason}`);
    this.#missing.set(name, reason);
  }

  /**
   * `rows`: the samples of each rival, by column. An array of samples becomes a summary; other values stay as they are.
   */
  table(id, caption, columns, rows) {
    const summed = Object.entries(rows).map(([name, cells]) => ({
      name,
      cells: Object.fromEntries(
        Object.entries(cells).map(([key, value]) => [key, Array.isArray(value) ? summary(value) : value]),
      ),
    }));
    this.#result.tables.push({ id, caption, columns, rows: summed });
    print(caption, columns, summed);
    // Some scripts run for an hour: what is measured is kept where one is broken off.
    this.#save();
  }

  /** `series`: by name, points of x and samples. */
  curve(id, title, x, y, series) {
    const points = Object.entries(series).map(([name, values]) => ({
      name,
      points: values.map(([at, samples]) => [at, summary(samples).median]),
    }));
    this.#result.curves.push({ id, title, x, y, series: points });
  }

  /** Compares a figure with its target: at most `limit`, or with `atLeast` at least `limit`. */
  target(what, figure, limit, { atLeast = false, digits = 3 } = {}) {
    // The sizes of a quick run are too small for any target.
    if (this.quick || figure === undefined || Number.isNaN(figure)) return;
    const met = atLeast ? figure >= limit : figure <= limit;
    this.#result.targets.push({
      what,
      figure: Number(figure.toFixed(digits)),
      limit: `${atLeast ? '>=' : '<='} ${Number(limit.toFixed(4))}`,
      met,
    });
    const wanted = `${atLeast ? 'at least' : 'at most'} ${Number(limit.toFixed(4))}`;
    console.log(`${met ? 'reached    ' : 'NOT REACHED'}  ${what}: ${figure.toFixed(digits)} (${wanted})`);
  }

  /** A target for the median of the ratios of paired runs. Nothing without the rival. */
  targetRatio(what, ours, theirs, limit, options) {
    if (ours?.length && theirs?.length) this.target(what, pairedRatio(ours, theirs).median, limit, options);
  }

  /** Writes the results, and ends the process with everything that it has started. */
  finish() {
    this.#save();
    process.exit(0);
  }

  #save() {
    this.#result.missing = [...this.#missing].map(([name, reason]) => ({ name, reason }));
    this.#result.load.after = os.loadavg()[0];
    if (this.#out) {
      mkdirSync(this.#out, { recursive: true });
      writeFileSync(`${this.#out}/${this.#result.subject}.json`, `${JSON.stringify(this.#result, rounded, 1)}\n`);
    }
  }
}

/** Rounds to five significant digits: more would be noise, and would make the file much larger. */
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
