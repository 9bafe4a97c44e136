// The process ends by itself, and connections of a server still linger.
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';

const REGISTER = ['--import', 'lingering-close/register'];
const UPLOAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n';
/** Between the default, 10 s, and the second that is left of it. */
const IDLE = 5_000;

function start(peer: string, { where = 'main', ref = '' } = {}) {
  const env = { LINGERING_CLOSE_REF: ref };
  return new Fixture<{ port: number }>('server/natural-end', { args: [peer, where], execArgv: REGISTER, env });
}

/** A peer that goes on sending for 1.5 s after the answer, and reads only then. */
async function upload(fixture: Fixture<{ port: number }>) {
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.write(UPLOAD);
  const { error } = await peer.drip(6, 250);
  return error ?? (await peer.receiveResponse()).text.split('\r\n')[0];
}

describe('a peer that is still sending', () => {
  test.each(['main', 'worker'])('gets its answer, from a server in the %s thread', async (where) => {
    await using fixture = start('other', { where });
    expect(await upload(fixture)).toBe('HTTP/1.1 413 Payload Too Large');
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test('the control: with ref false it loses it', async () => {
    await using fixture = start('other', { ref: 'false' });
    expect(await upload(fixture)).toMatch(/^(EPIPE|ECONNRESET)$/);
  });
});

describe('a peer in the same process, which never closes', () => {
  const elapsed = async (ref?: string) => {
    const before = performance.now();
    await using fixture = start('own', ref === undefined ? {} : { ref });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    return performance.now() - before;
  };

  test('does not hold the process for the whole idle time', async () => {
    expect(await elapsed()).toBeLessThan(IDLE);
  });

  test('the control: with ref true it does', async () => {
    expect(await elapsed('true')).toBeGreaterThan(IDLE);
  });
});
