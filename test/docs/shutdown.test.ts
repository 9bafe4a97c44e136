// What docs/shutdown.md promises in its tables is tried: each cell of ours beside other packages by a test of this
// repository, each row of the frameworks by an application of test/frameworks.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ADAPTERS } from '../../bench/shutdown/adapters.mjs';
import { root } from '../support/project.ts';

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const page = read('docs/shutdown.md');

/** The rows of the table in a section, with their cells. */
function rowsOf(section: string): string[][] {
  const [, text = ''] = page.split(`\n## ${section}\n`);
  const [table = ''] = /^\|[\s\S]*?(?=\n\n)/m.exec(text.split('\n## ')[0] ?? '') ?? [];
  return table
    .split('\n')
    .slice(2)
    .map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .map(([, ...cells]) => cells.slice(0, -1));
}

/** Row of "Beside other packages": the file, and the name of a test in it. */
const TESTS: Record<string, [file: string, test: string][]> = {
  signals: [
    ['shutdown/close-on-signal', 'hooks and servers in order, nothing is cut, exit code 0'],
    ['shutdown/close-on-signal', 'other signals'],
  ],
  'second signal': [['shutdown/close-on-signal', 'everything is reset, and the process ends by it']],
  hooks: [['shutdown/close-on-signal', 'hooks and servers in order, nothing is cut, exit code 0']],
  probe: [['shutdown/close-on-signal', 'the readiness probe answers 503 while the server drains']],
  'total deadline, hooks too': [
    ['shutdown/close-on-signal', 'after hangs: exit code 1 at the deadline'],
    ['shutdown/close-on-signal', 'before hangs: the servers have their time, and nothing is cut'],
    ['shutdown/close-on-signal', 'times that do not fit into the deadline are made shorter'],
  ],
  'several servers': [
    ['shutdown/close-servers', 'those that listen are found, and those that cannot be found may be passed in'],
  ],
  'drain while listening': [
    [
      'shutdown/close-server-http',
      'goes on listening; each response has Connection: close, on new and on kept connections',
    ],
    ['shutdown/close-server-http2', 'drainDelay: a new session gets its answer, and GOAWAY with it'],
  ],
  'WebSockets, upgraded connections': [
    ['shutdown/close-server-application', 'goodbye says 1001, and the client sees it'],
    ['shutdown/frameworks', 'ws: %s'],
  ],
  'streams without an end': [
    ['shutdown/close-server-feeds', 'server-sent events, and a long poll'],
    ['shutdown/close-server-feeds', 'HTTP/2'],
  ],
  'HTTP/2': [
    ['shutdown/close-server-http2', 'an idle session ends after GOAWAY'],
    ['shutdown/close-server-http2', 'streams in flight finish, then the session ends'],
  ],
  'net and tls servers': [['shutdown/close-server-application', 'with goodbye: each connection is told, and lingers']],
  'lingering close': [
    ['shutdown/close-server-http', 'an upload whose answer does not wait for it: the client gets the answer'],
    ['shutdown/close-server-http', 'no connection is reset'],
  ],
  report: [
    ['shutdown/close-server', 'each figure of the report'],
    ['shutdown/close-servers', 'those that listen are found, and those that cannot be found may be passed in'],
  ],
  logging: [['shutdown/close-on-signal', 'hooks and servers in order, nothing is cut, exit code 0']],
};

describe('beside other packages', () => {
  const rows = rowsOf('Beside other packages');

  test('each row has a test, and a cell of ours', () => {
    expect(rows.map(([feature]) => feature)).toEqual(Object.keys(TESTS));
    for (const [feature, ours] of rows) expect(ours, feature).not.toBe('-');
  });

  test.each(Object.entries(TESTS))('%s: the tests exist', (_feature, tests) => {
    for (const [file, name] of tests) expect(read(`test/${file}.test.ts`)).toContain(name);
  });

  test('the versions are those that are tried', () => {
    const { devDependencies } = JSON.parse(read('package.json'));
    const [, section = ''] = page.split('\n## Beside other packages\n');
    for (const name of ['http-graceful-shutdown', '@godaddy/terminus', 'lightship', 'http-terminator', 'stoppable'])
      expect(section.replace(/\s+/g, ' ')).toContain(`${name.replace('@godaddy/', '')} ${devDependencies[name]}`);
  });
});

describe('with frameworks', () => {
  /** The row, and its applications. */
  const APPLICATIONS: Record<string, string[]> = {
    'Express, koa, Hono, tRPC (standalone), node:http': ['express', 'koa', 'hono', 'trpc', 'node'],
    Fastify: ['fastify'],
    Nest: ['nest'],
    hapi: ['hapi'],
    'Next, custom server': ['next'],
    Apollo: ['apollo'],
    'socket.io': ['socket.io'],
    ws: ['ws'],
    'grpc-js': ['grpc-js'],
  };
  const rows = rowsOf('With frameworks');
  const withoutSpace = (code: string) => code.replace(/[\s`,]/g, '');

  test('each row has its applications, and each application a row', () => {
    expect(rows.map(([name]) => name)).toEqual(Object.keys(APPLICATIONS));
    const files = readdirSync(join(root, 'test/frameworks/applications'));
    expect([...Object.values(APPLICATIONS).flat(), 'answers'].map((name) => `${name}.mjs`).sort()).toEqual(
      files.sort(),
    );
  });

  test.each(rows)('%s: the application makes this call', (name, call = '') => {
    for (const application of APPLICATIONS[name] as string[])
      expect(withoutSpace(read(`test/frameworks/applications/${application}.mjs`))).toContain(withoutSpace(call));
  });

  test('each application is run', () => {
    const suites = read('test/shutdown/frameworks.test.ts') + read('test/frameworks/shutdown.frameworks.ts');
    for (const application of Object.values(APPLICATIONS).flat())
      expect(suites).toMatch(new RegExp(`['\\s]${application.replace('.', '\\.')}['\\s:,]`));
  });
});

test('the table of what clients lose has each way that the benchmark knows', () => {
  const [, table = ''] = /<!-- bench: shutdown -->\n([\s\S]*?)\n<!-- \/bench -->/.exec(page) ?? [];
  for (const { title } of Object.values(ADAPTERS)) expect(table).toContain(`| ${title} |`);
});
