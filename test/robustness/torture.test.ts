// The scripts of torture/, each in its short form: the server survives what they do, and gives everything back.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../support/project.ts';
import { run } from '../support/run.ts';

interface Row {
  subject: string;
  tried: number;
  survived: number;
  /** Counts before and after, for scripts whose process lives on and could hold something. */
  descriptors?: [number, number];
  handles?: [number, number];
}

const NONE: [number, number] = [0, 0];

interface Script {
  /** Why the script cannot run here, if it cannot. */
  missing?: () => string | undefined;
}

const load = (path: string) => import(new URL(`../../torture/${path}.mjs`, import.meta.url).href);
const { scripts } = (await load('lib/scripts')) as { scripts: string[] };
const reasons = new Map<string, string | undefined>();
for (const name of scripts) reasons.set(name, ((await load(name)) as Script).missing?.());

describe.concurrent('the server survives what goes wrong', () => {
  test.for([...reasons])('torture/%s.mjs', { timeout: 180_000 }, async ([name, reason], { skip }) => {
    skip(reason !== undefined && process.env['CI'] === undefined, reason);
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-torture-'));
    const { stdout, stderr } = await run('node', [`torture/${name}.mjs`, '--quick', '--out', folder], { cwd: root });
    expect(stderr, stdout).toBe('');
    const { rows } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as { rows: Row[] };
    expect(rows.length).toBeGreaterThan(0);
    for (const { subject, tried, survived, descriptors = NONE, handles = NONE } of rows) {
      expect(tried, subject).toBeGreaterThan(0);
      expect(survived, subject).toBe(tried);
      expect(descriptors[1], subject).toBeLessThanOrEqual(descriptors[0]);
      expect(handles[1], subject).toBeLessThanOrEqual(handles[0]);
    }
    rmSync(folder, { recursive: true });
  });
});
