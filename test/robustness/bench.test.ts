// The benchmarks still run: two of them, in a short form. Their figures mean nothing here.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/project.ts';
import { run } from '../support/run.ts';

test.each([
  ['calls', 'lingering-close, net.Socket'],
  ['latency', 'safeClose, to its report'],
])('bench/%s.mjs measures and writes its results', async (subject, name) => {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-bench-'));
  const { code, stderr } = await run('node', [`bench/${subject}.mjs`, '--quick', '--out', folder], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { tables } = JSON.parse(readFileSync(join(folder, `${subject}.json`), 'utf8'));
  const row = tables[0].rows.find((each: { name: string }) => each.name === name);
  for (const cell of Object.values(row.cells) as { median: number }[]) expect(cell.median).toBeGreaterThan(0);
  rmSync(folder, { recursive: true });
});
