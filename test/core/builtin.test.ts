// What an import of the package makes Node.js load.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { root } from '../support/project.ts';

const SCRIPT = `
await import('node:http');
const before = new Set(process.moduleLoadList);
const show = () => console.log(process.moduleLoadList.filter((name) => !before.has(name)).join(','));
await import('lingering-close');
show();
await import('node:cluster');
show();
`;

test('an import loads none of the modules that most processes never need', () => {
  const args = ['--input-type=module', '--eval', SCRIPT];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  expect(stderr).toBe('');
  const [loaded = [], withCluster] = stdout
    .split('\n')
    .map((line) => line.split(',').map((name) => name.replace('NativeModule ', '')));
  // The list is what this test takes it for.
  expect(withCluster).toContain('cluster');
  for (const name of ['cluster', 'child_process', 'dgram', 'perf_hooks', 'https', 'http2'])
    expect(loaded).not.toContain(name);
});
