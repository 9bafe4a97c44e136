// Prints the tables at the end of the clients' suite. With RECORD_CLIENTS=1 it also writes docs/clients.md; of the
// other direction alone (`answers`), that section of it.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { wrapProse } from '../../lab/markdown.mjs';
import { table } from '../../src/cli/table.ts';
import type { Cell } from '../clients/answers.clients.ts';
import { EACH_WAY, type Tally, UPLOADS } from './client-folder.ts';
import { nginxVersion } from './clients.ts';
import { root } from './project.ts';
import type { Row } from './upload-tests.ts';

const HEADINGS = ['client', 'way', 'framing', 'as Node closes', 'lingering', 'what the rest got'];
/** Of the rows that have another server beside them. */
const BESIDE_HEADINGS = HEADINGS.toSpliced(3, 0, `nginx ${nginxVersion ?? ''}`.trim());

const OTHER_DIRECTION = "## The other direction: Node's clients, and servers that you cannot change";
const BROWSER = '## What a browser shows';

export default class ClientsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: string): void {
    const tests = modules
      .toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
      .flatMap((module) => [...module.children.allTests()]);
    const rows = tests.map((test) => test.meta().row).filter((row) => row !== undefined);
    const [alone, beside] = [rows.filter((row) => !row.beside), rows.filter((row) => row.beside)];
    if (alone.length > 0) console.log(`\n${table([HEADINGS, undefined, ...alone.map(cells)], 'lllrrl')}\n`);
    if (beside.length > 0) console.log(`\n${table([BESIDE_HEADINGS, undefined, ...beside.map(cells)], 'lllrrrl')}\n`);
    const answers = tests.map((test) => test.meta().cell).filter((cell) => cell !== undefined);
    for (const scheme of ['http', 'https']) {
      const [head = [], ...body] = matrix(answers, scheme);
      if (body.length > 0) console.log(`\n${scheme}\n${table([head, undefined, ...body], 'l'.repeat(head.length))}\n`);
    }
    if (!process.env['RECORD_CLIENTS']) return;
    if (reason !== 'passed' || rows.length + answers.length !== tests.length)
      throw new Error('docs/clients.md is written when every test has run and passed');
    const page = join(root, 'docs/clients.md');
    if (rows.length > 0) writeFileSync(page, wrapProse(markdown(alone, beside, answers)));
    else writeFileSync(page, withSection(readFileSync(page, 'utf8'), wrapProse(otherDirection(answers))));
  }
}

function withSection(page: string, section: string): string {
  const [start, end] = [page.indexOf(OTHER_DIRECTION), page.indexOf(BROWSER)];
  if (end < 0) throw new Error('docs/clients.md has lost a heading');
  return `${page.slice(0, start < 0 ? end : start)}${section.trim()}\n\n${page.slice(end)}`;
}

/** Clients by servers. In a cell: how many got their answer from Node as it is, and with register-clients. */
function matrix(all: Cell[], scheme: string): string[][] {
  const answers = all.filter((cell) => cell.scheme === scheme);
  const servers = [...new Set(answers.map(({ server }) => server))];
  const clients = [...new Set(answers.map(({ client }) => client))];
  const rows = clients.map((client) => {
    const own = answers.filter((cell) => cell.client === client);
    const found = servers.map((server) => own.find((cell) => cell.server === server));
    const texts = found.map((cell) => (cell ? `${cell.plain} → ${cell.deferring} of ${cell.uploads}` : ''));
    return [client, ...texts];
  });
  return [['client', ...servers], ...rows];
}

function matrixMarkdown(answers: Cell[], scheme: string): string {
  const [head = [], ...rows] = matrix(answers, scheme);
  const rule = head.map(() => '---');
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cells({ client, route, framing, plain, lingering, beside }: Row): string[] {
  const rest = [
    list(plain),
    list(lingering) && `lingering: ${list(lingering)}`,
    beside && list(beside) && `nginx: ${list(beside)}`,
  ];
  const answered = [...(beside ? [beside] : []), plain, lingering].map((tally) => String(tally.answered));
  return [client, route, framing, ...answered, rest.filter(Boolean).join('; ')];
}

/** Most frequent first. For a wrong answer the status is enough. */
function list({ rest }: Tally): string {
  const entries = Object.entries(rest).sort(([, a], [, b]) => b - a);
  return entries.map(([name, times]) => `${times} × ${name.replace(/^(\d{3}) \d+$/, '$1')}`).join(', ');
}

function markdownTable(headings: string[], figures: number, rows: Row[]): string {
  const line = ['---', '---', '---', ...Array(figures).fill('--:'), '---'];
  return [headings, line, ...rows.map(cells)].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function markdown(alone: Row[], beside: Row[], answers: Cell[]): string {
  return `# Real clients

With \`lingerOnClose\` every client got every answer. From Node as it is most clients lose some.

Each client uploads 5 MB to a server that answers 413 at once and closes (\`Connection: close\`; in HTTP/2 the
stream ends), ${UPLOADS} times, one after the other. The figures say how many of the ${UPLOADS} got the whole answer:
from Node as it is, and from the same server after \`lingerOnClose(server)\`. Server and client are on one machine, in
processes of their own.

${markdownTable(HEADINGS, 2, alone)}

${machine()}
\`npm run docs:clients\` writes this page and the picture below.

Not in the table: wget and the form of a browser cannot upload in chunks.

- **HttpURLConnection** ignores a failed write and reads on. On one machine the answer arrives before the reset, and
  HttpURLConnection finds it.
- **Chromium** does the same over http. Over TLS a failed write ends the connection, unless Chromium has read the answer
  before. With a file from the disk it had: it reads the socket while it waits for the disk.
- **nginx** answers 502 if the server behind it closes with a reset.

## HTTP/2

The same uploads over HTTP/2, to the same server, and to nginx (\`return 413\`). HTTP/2 loses nothing by the close of a
connection, and these servers close none. But they do not read the request, and end the stream with RST_STREAM right
behind the answer. A client that reads both at once may take that for a failure. \`lingerOnClose\` holds RST_STREAM back
for a round trip.

${markdownTable(BESIDE_HEADINGS, 3, beside)}

The client of Python's h2 looks for failures first, as curl does in effect. httpx, which is built on h2, has no row: it
reads no answer before it has sent all. It gets the answer to 50 KB, which fit into the window of the server, and none
to 5 MB, from Node with or without the package, nor from nginx.

${otherDirection(answers)}
${BROWSER}

A form with a file of 5 MB that a script of its page made, sent over https. Left: Node as it is. Right: the same server
after \`lingerOnClose(server)\`.

![Left: ERR_CONNECTION_RESET. Right: the server's page, 413 Content Too Large.](chromium-413.png)
`;
}

function otherDirection(answers: Cell[]): string {
  return `${OTHER_DIRECTION}

Clients and proxies for Node.js upload 5 MB to servers that refuse it before they have read it: with Content-Length
and in chunks, from a buffer and from a stream, as far as the client can, ${EACH_WAY} times each way. A cell says how
many of the uploads got the whole answer: from Node as it is → with \`--import lingering-close/register-clients\`. The
clients are those of \`test/clients/node/package.json\`.

Over http:

${matrixMarkdown(answers, 'http')}

Over https:

${matrixMarkdown(answers, 'https')}

- **nginx**, **Apache** and **Go** close as this package does on a server, and lose little.
- A **proxy** gets its uploads from \`http.request\`, over http, and lingers itself. What is missing was lost between
  the proxy and the server behind it: the proxy answered 502.
- **squid**, **lighttpd**, **nginx** and **Apache** refuse an upload by its length, and get none in chunks.
- **superagent** is given a buffer. It looks at no answer before a stream that is piped into it has ended.
- On **Node 20** superagent, http-proxy, http-proxy-middleware and @smithy/node-http-handler got an \`https.Agent\` that
  had been given to \`deferWriteError\`: [there](clients-half.md#where-it-reaches) no channel shows a connection of
  theirs.
`;
}

function machine(): string {
  const linux = release().split('-', 1)[0];
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const node = `Node.js ${process.versions.node}`;
  return `lingering-close ${version}, ${node}, Linux ${linux} on ${process.arch}, ${availableParallelism()} CPUs.`;
}
