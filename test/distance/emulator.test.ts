// The emulator of networks itself: does it do what its options say? A busy machine makes times longer, so the upper
// bounds are wide.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { openDistance, whyNoDistance } from '../../lab/distance.mjs';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const reason = whyNoDistance();

type Network = Awaited<ReturnType<typeof openDistance>>;
interface Figures {
  /** Seconds; null for a ping that was lost. */
  pings: (number | null)[];
  received: number;
  seconds: number;
}

const running: ChildProcess[] = [];
const networks: Network[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  for (const network of networks.splice(0)) await network.close();
});

async function open(options: object): Promise<Network> {
  const network = await openDistance(options);
  networks.push(network);
  return network;
}

/** The lines that the program prints. */
function start([command = '', ...words]: string[]): AsyncIterator<string> {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

/** Starts a server, then a client that pings it and sends it `bytes`. */
async function tryOut(network: Network, what: { pings?: number; bytes?: number } = {}): Promise<Figures> {
  await start(network.server(['python3', here('link.py'), 'server'])).next();
  return tryAgain(network, what);
}

async function tryAgain(network: Network, { pings = 0, bytes = 0, line = 0 } = {}): Promise<Figures> {
  const client = ['python3', here('link.py'), 'client', network.address(line), String(pings), String(bytes)];
  return JSON.parse((await start(network.client(client)).next()).value);
}

const answered = ({ pings }: Figures) => pings.filter((time) => time !== null);

describe.skipIf(reason !== '')(`the emulator of networks${reason && ` [skipped: ${reason}]`}`, () => {
  test('a ping takes the round trip, and a transfer the time that its rate leaves it', async () => {
    const network = await open({ rtt: 100, up: 8 });
    const figures = await tryOut(network, { pings: 20, bytes: 1_000_000 });
    expect(answered(figures)).toHaveLength(20);
    expect(Math.min(...answered(figures))).toBeGreaterThanOrEqual(0.1);
    expect(Math.min(...answered(figures))).toBeLessThan(0.2);
    expect(figures.received).toBe(1_000_000);
    // 1 s for the bytes, 0.1 s for the handshake, and 0.1 s for the answer.
    expect(figures.seconds).toBeGreaterThan(1.2);
    expect(figures.seconds).toBeLessThan(10);
  });

  test('each line has its own rate', async () => {
    const network = await open({ rtt: 20, up: 2, lines: 8 });
    await tryOut(network);
    const all = await Promise.all(Array.from({ length: 8 }, (_, line) => tryAgain(network, { bytes: 500_000, line })));
    for (const { received, seconds } of all) {
      expect(received).toBe(500_000);
      // One line for all of them would need 16 s.
      expect(seconds).toBeGreaterThan(2);
    }
    expect(Math.max(...all.map(({ seconds }) => seconds))).toBeLessThan(14);
  });

  test('loses packets with the probability, and TCP sends them again', async () => {
    const network = await open({ rtt: 10, loss: 20, up: 100 });
    const figures = await tryOut(network, { pings: 200, bytes: 100_000 });
    // In both directions: 0.8 * 0.8 of 200 pings are answered, 128.
    expect(answered(figures).length).toBeGreaterThan(90);
    expect(answered(figures).length).toBeLessThan(165);
    expect(figures.received).toBe(100_000);
    const { fromClient } = await network.close();
    expect(fromClient?.lost).toBeGreaterThan(20);
  });

  test('an outage loses everything, at the start and again by a signal', async () => {
    const network = await open({ rtt: 10, 'cut-at': 0, 'cut-for': 4 });
    expect(answered(await tryOut(network, { pings: 10 }))).toEqual([]);
    // The three seconds for which the client has waited for answers are not the whole of it.
    expect((await tryAgain(network, { bytes: 1_000 })).received).toBe(1_000);
    network.cut();
    expect(answered(await tryAgain(network, { pings: 10 }))).toEqual([]);
  });

  test('the kernel, and so the addon, sees the round trip', async () => {
    const network = await open({ rtt: 200 });
    const server = start(network.server([process.execPath, here('round-trip.mjs')]));
    const { value: port } = await server.next();
    const client = `import socket; socket.create_connection(("${network.address(0)}", ${port})).recv(1)`;
    const connection = spawn('nsenter', network.client(['python3', '-c', client]).slice(1), { stdio: 'ignore' });
    running.push(connection);
    const microseconds = Number((await server.next()).value);
    expect(microseconds).toBeGreaterThanOrEqual(200_000);
    expect(microseconds).toBeLessThan(600_000);
    await once(connection, 'exit');
  });

  test('nothing of it is left behind', async () => {
    const network = await open({});
    const [, namespace = ''] = network.server(['true']);
    const named = () => spawn('nsenter', [namespace, '--', 'true'], { stdio: 'ignore' });
    expect((await once(named(), 'exit'))[0]).toBe(0);
    await network.close();
    expect((await once(named(), 'exit'))[0]).not.toBe(0);
  });
});
