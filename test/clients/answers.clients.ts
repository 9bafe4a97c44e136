// The other direction: clients and proxies for Node.js, against servers that you cannot change. With register-clients
// each upload gets its answer.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uploadLines } from '../../src/cli/upload-lines.ts';
import { EACH_WAY } from '../support/client-folder.ts';
import { REGISTER_CLIENTS } from '../support/client-host.ts';
import { FOREIGN_SERVERS } from '../support/foreign-servers.ts';
import { BODIES } from './node/bodies.mjs';
import { CLIENTS } from './node/clients.mjs';
import { PROXIES } from './node/proxies.mjs';

/** A cell of the second table that the suite prints: see clients-reporter.ts. */
export interface Cell {
  client: string;
  server: string;
  scheme: string;
  uploads: number;
  /** How many of the uploads got the answer: from Node as it is, and with register-clients. */
  plain: number;
  deferring: number;
}

declare module 'vitest' {
  interface TaskMeta {
    cell?: Cell;
  }
}

/** Uploads each way. */
const COUNT = process.env['RECORD_CLIENTS'] ? EACH_WAY : 2;
/** Milliseconds without output of the client. */
const SILENCE = 30_000;
const program = fileURLToPath(new URL('node/upload.mjs', import.meta.url));

/** Which bodies each of them can send. */
const SUBJECTS = Object.fromEntries([
  ...Object.entries(CLIENTS as Record<string, { lacks?: string[] }>).map(([name, { lacks = [] }]) => [
    name,
    Object.keys(BODIES).filter((body) => !lacks.includes(body)),
  ]),
  ...Object.keys(PROXIES).map((name) => [name, Object.keys(BODIES)]),
]) as Record<string, string[]>;

let folder: string;
let trust: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  trust = join(folder, 'certificate.pem');
  const pem = readFileSync(new URL('../fixtures/localhost.pem', import.meta.url), 'utf8');
  writeFileSync(trust, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the uploads got, and how many of them. */
async function uploads(subject: string, url: string, bodies: string[], execArgv: string[]) {
  const tally: Record<string, number> = {};
  const environment = ['env', '-u', 'NODE_OPTIONS', `NODE_EXTRA_CA_CERTS=${trust}`] as const;
  const words = [process.execPath, ...execArgv, program, subject, url, String(COUNT), bodies.join()];
  await uploadLines([...environment, ...words], COUNT * bodies.length, SILENCE, (result) => {
    tally[result] = (tally[result] ?? 0) + 1;
  });
  return tally;
}

const answered = (tally: Record<string, number>) =>
  Object.entries(tally).reduce((sum, [result, times]) => sum + (/^413 [1-9]/.test(result) ? times : 0), 0);

for (const { name, version, schemes, byLength, start } of FOREIGN_SERVERS) {
  const skipped = version === undefined && !process.env['CI'];
  describe.skipIf(skipped)(`${name}${skipped ? ' [skipped: it is not installed]' : ''}`, () => {
    describe.each(schemes)('%s', (scheme) => {
      let server: Awaited<ReturnType<typeof start>>;
      beforeAll(async () => {
        if (version === undefined) throw new Error(`${name} is not installed`);
        server = await start(scheme);
      });
      afterAll(() => server[Symbol.asyncDispose]());

      for (const [subject, all] of Object.entries(SUBJECTS)) {
        const bodies = byLength ? all.filter((body) => !body.startsWith('chunked')) : all;
        test(`${subject}: all uploads get their 413`, async ({ task }) => {
          const url = `${scheme}://127.0.0.1:${server.port}/`;
          const plain = await uploads(subject, url, bodies, []);
          const deferring = await uploads(subject, url, bodies, REGISTER_CLIENTS);
          const total = COUNT * bodies.length;
          task.meta.cell = {
            client: subject,
            server: `${name} ${version}`,
            scheme,
            uploads: total,
            plain: answered(plain),
            deferring: answered(deferring),
          };
          // One status, and one length: all of them whole.
          expect(deferring).toEqual({ [String(Object.keys(deferring)[0])]: total });
          expect(answered(deferring)).toBe(total);
        });
      }
    });
  });
}
