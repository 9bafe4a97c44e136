// The limits of a linger when the event loop is late: the queue decides then, and not the clock.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../src/index.ts';
import { ENGINES, known } from './support/close-server.ts';
import { Fixture, STREAMS_ENGINE } from './support/fixture.ts';
import { Peer } from './support/peer.ts';

interface Message {
  address: string;
  port: number;
  report: CloseReport;
}

describe.each(ENGINES)('%s engine: an event loop that is blocked past every limit', (engine) => {
  async function reportAfter(meanwhile: (peer: Peer) => Promise<unknown>): Promise<CloseReport> {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    try {
      const flag = join(folder, 'go-on');
      await using fixture = new Fixture<Message>('linger-loop-blocked', {
        args: [flag],
        execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
      });
      const { address, port } = await fixture.next();
      await using peer = await Peer.connect({ host: address, port });
      await fixture.next();
      await meanwhile(peer);
      writeFileSync(flag, '');
      const { report } = await fixture.next();
      expect(await fixture.exit).toEqual({ code: 0, signal: null });
      return report;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('finds the EOF that has come meanwhile', async () => {
    const report = await reportAfter(async (peer) => {
      await peer.send(50_000);
      await peer.close();
    });
    expect(report).toMatchObject({ outcome: 'eof', delivered: known(engine, true), discardedBytes: 50_000 });
  });

  test('ends a linger whose peer was silent, once', async () => {
    expect(await reportAfter(async () => {})).toMatchObject({ outcome: expect.stringMatching(/^(idle|timeout)$/), discardedBytes: 0 });
  });
});
