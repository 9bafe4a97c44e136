// The table at the end of the clients' suite. With RECORD_CLIENTS=1 it goes to docs/clients.md too.
import { writeFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { wrapProse } from '../../lab/markdown.mjs';
import { table } from '../../src/cli/table.ts';
import { type Tally, UPLOADS } from './client-folder.ts';
import { root } from './project.ts';
import type { Row } from './upload-tests.ts';

const HEADINGS = ['client', 'way', 'framing', 'as Node closes', 'lingering', 'what the rest got'];

export default class ClientsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], _errors: unknown, reason: string): void {
    const tests = modules
      .toSorted((a, b) => a.moduleId.localeCompare(b.moduleId))
      .flatMap((module) => [...module.children.allTests()]);
    const rows = tests.map((test) => test.meta().row).filter((row) => row !== undefined);
    if (rows.length === 0) return;
    console.log(`\n${table([HEADINGS, undefined, ...rows.map(cells)], 'lllrrl')}\n`);
    if (!process.env['RECORD_CLIENTS']) return;
    if (reason !== 'passed' || rows.length !== tests.length)
      throw new Error('docs/clients.md is written when every test has run and passed');
    writeFileSync(join(root, 'docs/clients.md'), wrapProse(markdown(rows)));
  }
}

function cells({ client, route, framing, plain, lingering }: Row): string[] {
  const rest = [list(plain), list(lingering) && `lingering: ${list(lingering)}`].filter(Boolean).join('; ');
  return [client, route, framing, String(plain.answered), String(lingering.answered), rest];
}

/** Most frequent first. Of an answer that is another one its status is enough. */
function list({ rest }: Tally): string {
  const entries = Object.entries(rest).sort(([, a], [, b]) => b - a);
  return entries.map(([name, times]) => `${times} × ${name.replace(/^(\d{3}) \d+$/, '$1')}`).join(', ');
}

function markdown(rows: Row[]): string {
  const lines = [HEADINGS, ['---', '---', '---', '--:', '--:', '---'], ...rows.map(cells)].map(
    (row) => `| ${row.join(' | ')} |`,
  );
  return `# Real clients

Each client uploads 5 MB to a server that answers 413 at once and closes (\`Connection: close\`; GOAWAY in HTTP/2), ${UPLOADS} times, one after the other. The figures say
how many of the ${UPLOADS} got the whole answer: from Node as it is, and from the same server after \`lingerOnClose(server)\`. Server and client are on one machine, in processes of
their own.

${lines.join('\n')}

Node.js ${process.versions.node}, Linux ${release().split('-', 1)[0]} on ${process.arch}, ${availableParallelism()} CPUs. \`npm run docs:clients\` writes this page anew, and the picture below.

What there is none of: wget cannot upload in chunks, nor can a form of a browser.

- **HttpURLConnection** ignores that a write failed, and reads on: on one machine, where the answer arrives before the reset, it finds it.
- **Chromium** does the same in clear. Over TLS a failed write is the end of the connection for it, unless it had taken the answer off the socket before: with a file from the
  disk, which it reads in between, it had.
- **HTTP/2** loses nothing here by the close of the connection. The server of these rows takes in what is sent (\`request.resume()\`). A request that nobody reads Node ends by
  RST_STREAM behind the answer, and curl 7.88 in clear then missed the answer in 31 to 41 of 50 uploads, with \`lingerOnClose\` or without: that is the end of a stream, which
  no close of a connection mends.
- **nginx** answers 502 where the server behind it closes by a reset.

## What a browser shows

A form with a file of 5 MB that its page made, sent over https. On the left Node as it is, on the right the same server after \`lingerOnClose(server)\`.

![Left: "This site can't be reached", ERR_CONNECTION_RESET. Right: the server's page, 413 Content Too Large.](chromium-413.png)
`;
}
