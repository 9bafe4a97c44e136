// Writes docs/distance.md and its plot.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable, wrapProse } from '../../lab/markdown.mjs';
import { barChart } from '../../lab/plot.mjs';

const of = ([answers, uploads]) => (uploads ? `${answers} of ${uploads}` : '');
const add = (a, b) => [a[0] + b[0], a[1] + b[1]];

/** `results`: by row, and then by server. `closed`: by row, and then by the way of closing. */
export function record(results, closed, folder) {
  const rows = [...results];
  const columns = ['plain', 'ours', 'nginx'].filter((server) => rows.every(([, result]) => result[server]));
  const table = (group) =>
    markdownTable(
      ['uploads and network', ...columns.map((server) => TITLES[server])],
      rows
        .filter(([, result]) => result.plain[group][1] > 0)
        .map(([{ name }, result]) => [name, ...columns.map((server) => of(result[server][group]))]),
    );
  const sum = (server) => rows.map(([, result]) => result[server].writers).reduce(add);
  const bars = columns.map((server) => {
    const [answers, uploads] = sum(server);
    const share = (100 * answers) / uploads;
    return { name: TITLES[server], median: share, min: share, max: share, ours: server === 'ours' };
  });
  const title = 'Clients that write everything before they read: how many get the answer';
  writeFileSync(join(folder, 'plots/distance.svg'), barChart(title, 'per cent of the uploads', bars));

  const reports = rows.flatMap(([, result]) => columns.map((server) => result[server].delivered));
  const right = reports.reduce((count, report) => count + report.right, 0);
  const wrong = reports.reduce((count, report) => count + report.wrong.length, 0);
  const version = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')).version;
  const nginx = /[\d.]+/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[0];
  const kernel = spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim();
  const file = join(folder, 'distance.md');
  const [head, tail] = readFileSync(file, 'utf8').split(/<!-- recorded -->[\s\S]*<!-- end -->/);
  const recorded = `<!-- recorded -->
Measured with version ${version} and its defaults, Node ${process.versions.node}, nginx ${nginx} with its defaults,
Linux ${kernel}. \`npm run test:distance -- --record\`.

### Clients that write everything before they read

Python's \`http.client\`, wget, and a raw client of \`send\` and \`recv\`, in equal parts.

${table('writers')}

![${title}](plots/distance.svg)

### Clients that read while they send

curl, \`fetch\` and \`http.request\`, in equal parts. (HTTP/2: curl.)

${table('readers')}

### A server that is closed

60 clients at a round trip of 400 ms that use their connections again and again: how many lose a request, which meets
the server's FIN on its way.

${shutdownTable(closed)}

### What reports say

Of ${right + wrong} reports on uploads by the raw client, ${right} said of \`delivered\` what the client's TCP had.
<!-- end -->`;
  writeFileSync(file, head + wrapProse(recorded) + tail);
}

function shutdownTable(closed) {
  const [[, first]] = closed;
  const ways = Object.keys(first);
  const rows = [...closed].map(([{ name, clients }, ends]) => [
    `they ${name}`,
    ...ways.map((way) => `${ends[way].lost ?? 0} of ${clients}`),
  ]);
  return markdownTable(['clients', ...ways], rows);
}

const TITLES = { plain: 'Node as it is', ours: 'lingerOnClose', nginx: 'nginx' };
