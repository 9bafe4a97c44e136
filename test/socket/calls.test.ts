// Every call of the addon in the Node.js of the fixtures, which may be that of another platform
// (scripts/test-other-platform.mjs). The other tests of these calls run in the process of the test itself.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { type Address, Peer } from '../support/peer.ts';
import { host, node } from '../support/project.ts';
import { DELIVERED } from '../support/safe-close-host.ts';

interface Message {
  address: string | { address: string; port: number };
  [figure: string]: unknown;
}

test.each(['TCP', 'UNIX'])(`on %s, in ${host}`, async (family) => {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  try {
    await using fixture = new Fixture<Message>('socket/calls', {
      args: family === 'UNIX' ? [join(folder, 'socket')] : [],
    });
    const { address: listening, ...where } = await fixture.next();
    const [platform] = host.split(' ');
    const addonFile =
      node === process.execPath
        ? expect.any(String)
        : expect.stringContaining(`prebuilds/${platform}/lingering-close.node`);
    expect(where).toEqual({ host, engine: 'native', addonFile });

    const address: Address =
      typeof listening === 'string' ? { path: listening } : { host: listening.address, port: listening.port };
    await using peer = await Peer.connect(address);
    await peer.send(1_000);
    fixture.send({});
    expect(await fixture.next()).toEqual({
      lingers: [false, 0, 3, 65_535, false],
      pending: 1_000,
      sent: 100,
      sigpipe: ['ignore', 'ignore', 'default'],
      bad: 'ENOTSOCK',
    });

    expect(await peer.receive(100)).toMatchObject({ received: 100 });
    fixture.send({});
    // The FIN. The report waits for the peer's own FIN.
    expect(await peer.receive()).toMatchObject({ received: 0, end: 'eof' });
    await peer.shutdown();
    expect(await fixture.next()).toEqual({
      unacked: 0,
      report: { outcome: 'eof', delivered: DELIVERED, discardedBytes: 1_000 },
    });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
