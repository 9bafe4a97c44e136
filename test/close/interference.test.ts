// Whatever an application does to a socket that safeClose is closing, the promise settles: at a limit, or, where there
// are no limits, when the peer has closed. No descriptor is left, nothing is thrown, and `delivered: true` means that
// the peer has every byte, and FIN.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { STREAMS_ENGINE } from '../support/fixture.ts';
import { ManyPeers } from '../support/many-peers.ts';
import { Remote } from '../support/remote.ts';
import { ENGINES } from '../support/safe-close-host.ts';

interface Result {
  name: string;
  when: string;
  /** Bytes that the socket held at the time of the call. */
  queued: number;
  report?: CloseReport;
}

interface Results {
  results: Result[];
  open: string[];
  left: number;
  uncaught: string[];
}

const LIMITS = { idleTimeout: 300, timeout: 600 };
const NO_LIMITS = { idleTimeout: Infinity, timeout: Infinity };
const UPLOAD = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nthe rest never comes';

/** Each test has its own UNIX socket. */
let sockets = 0;

const nameOf = ({ name, when }: Result) => `${name}, ${when}`;

describe.concurrent.each(ENGINES)('%s engine', (engine) => {
  describe.each(['net', 'unix', 'tls', 'http'])('%s', (stage) => {
    // Many bytes do not fit into the buffers: the flush waits for the peer. Few do: the linger does.
    test.each(['many', 'few'])('%s bytes of output, a silent peer, limits', async (output) => {
      const { results, open, left, uncaught } = await meddle(stage, output, LIMITS);
      expect(results.filter(({ report }) => !report).map(nameOf)).toEqual([]);
      expect(results.filter(({ report }) => report?.delivered === true && output === 'many')).toEqual([]);
      // One that was open before may be gone.
      expect({ open, left: Math.max(left, 0), uncaught }).toEqual({ open: [], left: 0, uncaught: [] });
    });

    test.each(['many', 'few'])('%s bytes of output, no limits, and the peer reads and closes', async (output) => {
      const { results, open, left, uncaught, peers } = await meddle(stage, output, NO_LIMITS);
      expect(results.filter(({ report }) => !report).map(nameOf)).toEqual([]);
      const least = output === 'many' ? 3 * 2 ** 20 : 1;
      const wrong = results.filter(
        ({ report }, index) =>
          report?.delivered === true && ((peers[index]?.received ?? 0) < least || peers[index]?.end !== 'eof'),
      );
      expect(wrong).toEqual([]);
      // One that was open before may be gone.
      expect({ open, left: Math.max(left, 0), uncaught }).toEqual({ open: [], left: 0, uncaught: [] });
    });
  });

  async function meddle(stage: string, output: string, limits: object) {
    const path =
      stage === 'unix' ? join(tmpdir(), `lingering-close-${process.pid}-${engine}-${sockets++}.sock`) : undefined;
    await using server = new Remote('close/interference', { execArgv: engine === 'streams' ? STREAMS_ENGINE : [] });
    await server.ready();
    // JSON has no Infinity.
    const given = Object.fromEntries(Object.entries(limits).map(([name, ms]) => [name, ms === Infinity ? 1e300 : ms]));
    const { port, count } = await server.call<{ port: number; count: number }>('start', {
      stage,
      output,
      limits: given,
      path,
    });
    await using peers = new ManyPeers();
    await peers.open(count, path ? { path } : { host: '127.0.0.1', port }, {
      receiveBuffer: 4_096,
      tls: stage === 'tls',
      text: stage === 'http' ? UPLOAD : '',
    });
    expect(await server.call('acted')).toBe(count);
    const reads = limits === NO_LIMITS ? await peers.read() : [];
    const results = await server.call<Results>('results');
    // Not where the application has corked the socket, say, or closed it.
    if (output === 'many') expect(results.results.filter(({ queued }) => queued > 0).length).toBeGreaterThan(count / 2);
    if (path) rmSync(path, { force: true });
    return { ...results, peers: reads };
  }
});
