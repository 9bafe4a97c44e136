// Bun and Deno beside Node.js: what a client gets that writes all before it reads, by kind of server. The table of
// docs/platforms.md is what this finds; RECORD_RUNTIMES=1 writes it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { root } from '../support/project.ts';
import { runOk } from '../support/run.ts';
import { APPLICATION, Consumer, tool } from './support/consumer.ts';

const UPLOADS = 20;
/** Seconds; idleTimeout is 5. */
const SOON = 3;

type Command = [string, ...string[]];

interface Runtime {
  name: string;
  command: Command;
  /** Adds the package to a project, by the runtime's own package manager: from the tarball, or from a registry. */
  install?: (tarball: string) => Command;
}

const bun = tool('@oven/bun-linux-x64/bin/bun');
const deno = tool('@deno/linux-x64-glibc/deno');
const RUNTIMES: Runtime[] = [
  { name: 'Node.js', command: [process.execPath] },
  { name: 'Bun', command: [bun], install: (tarball) => [bun, 'add', tarball, '--silent'] },
  {
    name: 'Deno',
    command: [deno, 'run', '--allow-all', '--quiet', '--node-modules-dir=manual', '--no-remote'],
    install: () => [deno, 'add', '--quiet', '--node-modules-dir=auto', 'npm:lingering-close'],
  },
];
const KINDS = ['http', 'https', 'net', 'tls'];
/** Only HTTP servers are covered by register. */
const WAYS = [
  ['plain', KINDS],
  ['lingerOnClose', KINDS],
  ['register', ['http', 'https']],
] as const;

interface Uploads {
  whole: number;
  others: Record<string, number>;
  longest: number;
}

const found = new Map<string, Uploads>();

/** A registry with one package, since Deno takes none from a tarball. */
async function serveRegistry(tarball: string): Promise<Server> {
  const { version, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const content = readFileSync(tarball);
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`;
  const server = createServer((req, res) => {
    if (req.url?.endsWith('.tgz')) return res.end(content);
    if (req.url !== '/lingering-close') return res.writeHead(404).end();
    const dist = { tarball: `http://${req.headers.host}/lingering-close.tgz`, integrity };
    const versions = { [version]: { ...manifest, version, dist } };
    return res.end(JSON.stringify({ name: 'lingering-close', 'dist-tags': { latest: version }, versions }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function upload(consumer: Consumer, command: string[], kind: string, way: string): Promise<Uploads> {
  const [file, ...args] = [...command, 'runtime-server.mjs', kind, way] as unknown as Command;
  const env = { PATH: inject('bin'), HOME: consumer.home, DENO_DIR: join(consumer.home, 'deno'), NO_COLOR: '1' };
  const server = spawn(file, args, { cwd: consumer.folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  server.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  try {
    const [port] = await Promise.race([
      once(createInterface(server.stdout), 'line'),
      once(server, 'close').then(() => {
        throw new Error(`the server has ended:\n${stderr}`);
      }),
    ]);
    const secure = kind === 'https' || kind === 'tls' ? 'tls' : 'tcp';
    const protocol = kind.startsWith('http') ? 'http' : 'raw';
    const client = consumer.path('early-answer.py');
    const said = JSON.parse(await runOk('python3', [client, port, String(UPLOADS), secure, protocol]));
    expect(stderr).toBe('');
    return said;
  } finally {
    server.kill('SIGKILL');
  }
}

describe.each(RUNTIMES)('$name', ({ name, command, install }) => {
  test('installs, and the application closes by the engine that it has', async () => {
    using consumer = new Consumer();
    if (install) {
      const [file, ...args] = install(inject('tarball'));
      const registry = await serveRegistry(inject('tarball'));
      const { port } = registry.address() as AddressInfo;
      const { code, all } = await consumer.run(file, args, { NPM_CONFIG_REGISTRY: `http://127.0.0.1:${port}/` });
      registry.close();
      expect(all).not.toMatch(/warn|error|blocked|gyp/i);
      expect(code, all).toBe(0);
    } else await consumer.unpack();
    consumer.copy(APPLICATION, 'application.mjs');
    const [file, ...args] = [...command, 'application.mjs'] as unknown as Command;
    const { code, stdout, stderr } = await consumer.run(file, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const engine = name === 'Node.js' ? 'native' : 'streams';
    expect(JSON.parse(stdout)).toEqual({ engine, outcome: 'eof', received: 'answer' });
  });

  test.each(WAYS.flatMap(([way, kinds]) => kinds.map((kind) => [kind, way] as const)))('%s, %s', async (kind, way) => {
    using consumer = await new Consumer().unpack();
    for (const file of ['runtime-server.mjs', 'early-answer.py']) {
      consumer.copy(join(root, 'test/consumers', file), file);
    }
    consumer.copy(join(root, 'test/fixtures/localhost.pem'), 'localhost.pem');
    const uploads = await upload(consumer, command, kind, way);
    found.set(`${name} ${kind} ${way}`, uploads);
    // Without us some are lost, or there would be nothing to do; with us none is, and none has to wait.
    if (way === 'plain') expect(uploads.whole).toBeLessThan(UPLOADS);
    else {
      expect(uploads).toMatchObject({ whole: UPLOADS, others: {} });
      expect(uploads.longest).toBeLessThan(SOON);
    }
  });
});

const DOCUMENT = join(root, 'docs/platforms.md');
const BEGIN = '<!-- runtimes -->\n';
const END = '<!-- /runtimes -->\n';

function table(): string {
  const cell = (key: string) => {
    const uploads = found.get(key);
    return uploads ? `${uploads.whole} of ${UPLOADS}` : 'not covered';
  };
  const rows = RUNTIMES.flatMap(({ name }) =>
    KINDS.map((kind) => `| ${[name, kind, ...WAYS.map(([way]) => cell(`${name} ${kind} ${way}`))].join(' | ')} |`),
  );
  return `| runtime | server | as it is | with \`lingerOnClose\` | with \`lingering-close/register\` |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

/** Without how many a server as it is happens to lose. */
const comparable = (text: string) => text.replaceAll(/^(\| [^|]+ \| [^|]+ \|) [^|]+ \|/gm, '$1');

afterAll(() => {
  // A part of the tests was chosen, or one has failed.
  const wanted = RUNTIMES.length * WAYS.reduce((sum, [, kinds]) => sum + kinds.length, 0);
  if (found.size < wanted) return;
  const text = readFileSync(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  if (process.env['RECORD_RUNTIMES']) writeFileSync(DOCUMENT, text.slice(0, from) + table() + text.slice(to));
  else expect(comparable(text.slice(from, to))).toBe(comparable(table()));
});
