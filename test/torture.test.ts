// The scripts of torture/, each in its short form: what they provoke is survived, and everything is given back.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './support/project.ts';
import { run } from './support/run.ts';

interface Row {
  subject: string;
  tried: number;
  survived: number;
  /** Before and after, where a process is left that could hold something. */
  descriptors?: [number, number];
  handles?: [number, number];
}

const NONE: [number, number] = [0, 0];

const { scripts } = (await import(new URL('../torture/lib/scripts.mjs', import.meta.url).href)) as { scripts: string[] };

describe.concurrent('what goes wrong is survived', () => {
  test.each(scripts)('torture/%s.mjs', async (name) => {
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
