// The receive low-water marks of the discard loop where the kernel makes less of them.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compileFile } from '../bench/lib/compile.mjs';
import { KB, MB } from './support/close-server.ts';
import { Fixture } from './support/fixture.ts';
import { Peer } from './support/peer.ts';
import { skipped, skips } from './support/project.ts';

const missing = spawnSync('cc', ['--version']).error ? 'there is no C compiler' : '';

test.skipIf(skips(missing))(`a mark that is capped is not asked for again and again${skipped(missing)}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  try {
    const source = fileURLToPath(new URL('support/capped-marks.c', import.meta.url));
    const library = compileFile(source, join(folder, 'capped-marks.so'), ['-shared', '-fPIC']);
    await using fixture = new Fixture<{ port: number }>('linger-loop-busy', { args: ['1'], env: { LD_PRELOAD: library } });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    // Enough for the first step and not for the second: a fast sender might skip it otherwise.
    const [sent] = await Promise.all([peer.send(512 * KB), once(fixture.process.stderr as Readable, 'data')]);
    expect(sent).toEqual({ sent: 512 * KB });
    expect(await peer.send(200 * MB)).toEqual({ sent: 200 * MB });
    await peer.close();
    expect(await fixture.next()).toMatchObject({ outcome: 'eof', discardedBytes: 200 * MB + 512 * KB });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    // Once a step; and again where the sender was late to fill it.
    const times = fixture.stderr.split('\n').length - 1;
    expect(times).toBeGreaterThan(1);
    expect(times).toBeLessThan(20);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
