// What an import of the package costs a process that starts: time, CPU and memory, beside an empty module.
import { runJson } from '../lab/children.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { median } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';

const bench = new Bench('import', { runs: 25 });
const EMPTY = 'an empty module';
const OURS = 'lingering-close';
const MODULES = {
  [EMPTY]: 'data:text/javascript,',
  [OURS]: import.meta.resolve('lingering-close'),
  register: import.meta.resolve('lingering-close/register'),
  'register-clients': import.meta.resolve('lingering-close/register-clients'),
};

/** With node:http, which every server has loaded already. */
const PROGRAM = `
import 'node:http';
const { rss } = process.memoryUsage;
gc();
const before = rss();
const usage = process.cpuUsage();
const start = performance.now();
await import(process.argv[1]);
const ms = performance.now() - start;
const { user, system } = process.cpuUsage(usage);
gc();
console.log(JSON.stringify({ ms, cpu: (user + system) / 1_000, resident: (rss() - before) / 1e6 }));
`;

const samples = {};
for (let run = 0; run < bench.runs; run++) {
  for (const [name, module] of Object.entries(MODULES)) {
    const args = ['--expose-gc', '--input-type=module', '--eval', PROGRAM, module];
    const figures = await runJson(process.execPath, args);
    for (const [key, figure] of Object.entries(figures)) samplesAt(samples, name, key).push(figure);
  }
}
const columns = {
  ms: { label: 'time, ms', digits: 1 },
  cpu: { label: 'CPU, ms', digits: 1 },
  resident: { label: 'resident memory, MB', digits: 2 },
};
bench.table('import', 'import, behind node:http', columns, samples);
const more = (key) => median(samples[OURS][key]) - median(samples[EMPTY][key]);
bench.target('import: time above an empty module, ms', more('ms'), 5, { digits: 1 });
bench.target('import: resident memory above an empty module, MB', more('resident'), 1.5, { digits: 2 });
bench.finish();
