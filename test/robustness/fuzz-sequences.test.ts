// Arbitrary sequences of what an application and its peer do with a connection, checked against a model of the close.
// SEQUENCES, FUZZ_SEED.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import {
  type CloseOptions,
  type Connection,
  ENGINES,
  type Engine,
  MB,
  SafeCloseHost,
  type Step,
  type Transport,
} from '../support/safe-close-host.ts';

const RUNS = Number(process.env['SEQUENCES'] || 30);
const SEED = Number(process.env['FUZZ_SEED'] || Date.now() % 2 ** 31);

/** What is certain of a connection whatever the timing. What is not certain is left open. */
interface Model {
  /** safeClose has been called. */
  closing: boolean;
  /** The application has ended or destroyed the socket, or set SO_LINGER, and so changed the close. */
  touched: boolean;
  /** Options whose limit could end the close. */
  limits: Set<string>;
  /** Why the application or a second call could end the close early. */
  cuts: Set<string>;
  governed: boolean;
  peer: 'open' | 'half-closed' | 'closed' | 'reset';
  peerSent: number;
  /** What the peer has read, if it has read to the end. */
  peerReceived: number | undefined;
  written: number;
}

interface Real {
  connection: Connection;
  /** Whether each later call gave the promise of the first. */
  calls: boolean[];
}

type Command = fc.AsyncCommand<Model, Real>;

/** A step of the application: what it does, and what that means for the model. */
class Application implements Command {
  readonly #step: Step;
  readonly #when: (model: Readonly<Model>) => boolean;
  readonly #mean: (model: Model) => void;

  constructor(step: Step, mean: (model: Model) => void, when: (model: Readonly<Model>) => boolean = () => true) {
    this.#step = step;
    this.#mean = mean;
    this.#when = when;
  }

  check(model: Readonly<Model>): boolean {
    return this.#when(model);
  }

  async run(model: Model, { connection }: Real): Promise<void> {
    this.#mean(model);
    // setLinger refuses a socket that is already closed.
    await connection.ask(...this.#step).catch((error) => {
      if (this.#step[0] !== 'setLinger' || error.code !== 'ERR_SOCKET_CLOSED') throw error;
    });
  }

  toString(): string {
    return JSON.stringify(this.#step);
  }
}

class SafeClose implements Command {
  readonly #options: CloseOptions;

  constructor(options: CloseOptions) {
    this.#options = options;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, { connection, calls }: Real): Promise<void> {
    const { mode, signal } = this.#options;
    const same = await connection.ask<boolean>('safeClose', this.#options);
    // The second call gives the first promise; only its mode 'reset' counts.
    if (model.closing) calls.push(same);
    else expect(same).toBe(false);
    if (mode === 'reset') model.cuts.add('reset');
    if (!model.closing) {
      model.closing = true;
      model.governed = signal === 'controller';
      if (signal === 'aborted') model.cuts.add('aborted');
      for (const limit of ['idleTimeout', 'timeout', 'maxBytes', 'until', 'mode'] as const) {
        if (this.#options[limit] !== undefined) model.limits.add(limit);
      }
      if (mode === 'drain') model.limits.add('drain');
    }
  }

  toString(): string {
    return `safeClose(${JSON.stringify(this.#options)})`;
  }
}

class PeerDoes implements Command {
  readonly #what: 'send' | 'shutdown' | 'close' | 'reset';
  readonly #bytes: number;

  constructor(what: 'send' | 'shutdown' | 'close' | 'reset', bytes = 0) {
    this.#what = what;
    this.#bytes = bytes;
  }

  check({ peer, peerSent }: Readonly<Model>): boolean {
    // No more than the buffers hold: if no one reads, the peer would wait.
    if (peerSent + this.#bytes > 100_000) return false;
    return peer === 'open' || (peer === 'half-closed' && this.#what !== 'send' && this.#what !== 'shutdown');
  }

  async run(model: Model, { connection: { peer } }: Real): Promise<void> {
    if (this.#what === 'send') {
      const { sent } = await peer.send(this.#bytes);
      model.peerSent += sent;
    } else {
      await peer[this.#what]();
      model.peer = this.#what === 'shutdown' ? 'half-closed' : this.#what === 'close' ? 'closed' : 'reset';
    }
  }

  toString(): string {
    return `peer.${this.#what}(${this.#bytes || ''})`;
  }
}

const limit = fc.constantFrom(undefined, 0, 30);
const options = fc
  .record({
    mode: fc.constantFrom(undefined, undefined, 'linger', 'drain', 'reset'),
    until: fc.constantFrom(undefined, 'eof', 'delivered'),
    idleTimeout: limit,
    timeout: limit,
    maxBytes: fc.constantFrom(undefined, undefined, 0, 1_000),
    signal: fc.constantFrom(undefined, undefined, 'controller', 'controller', 'aborted'),
    ref: fc.constantFrom(undefined, true),
  })
  .map(
    (chosen) => Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)) as CloseOptions,
  );
const application = (...args: ConstructorParameters<typeof Application>) => fc.constant(new Application(...args));
const touch = (model: Model) => {
  model.touched = true;
};

// Not those that write, or that connect again: the model counts bytes.
const INTERFERENCES = [
  ...['finish', 'close', 'end', 'error', 'data'].flatMap((event) => [
    `removeAllListeners('${event}')`,
    `emit('${event}')`,
  ]),
  'removeAllListeners()',
  'its own destroy does nothing',
  'resetAndDestroy()',
  'end() again',
  'cork',
  'pause',
  "a 'data' listener, and pause",
  "a 'readable' listener",
  'pipe',
  'read()',
  'setEncoding',
  'setTimeout, whose listener destroys',
  'ref',
  'unref',
  'a loop with break',
];

function commands(engine: Engine) {
  return [
    // Some sizes fit into the buffers, some do not.
    fc.constantFrom(1, 1_000, MB, 8 * MB).map(
      (bytes) =>
        new Application(
          ['write', bytes],
          (model) => {
            model.written += bytes;
          },
          // A write after end() is an error of the application, and has its own tests.
          ({ closing, touched }) => !closing && !touched,
        ),
    ),
    application(['end', 0], touch),
    // Before safeClose, each of these makes the outcome 'closed'.
    fc
      .constantFrom<Step>(['destroy'], ['destroy', 'an error'], ['destroySoon'])
      .map((step) => new Application(step, touch, ({ closing, written }) => closing || written > MB)),
    // Only the addon can set it.
    ...(engine === 'native'
      ? [fc.constantFrom(false, 0, 1).map((linger) => new Application(['setLinger', linger as number | false], touch))]
      : []),
    // Behind safeClose, which must settle all the same.
    fc
      .constantFrom(...INTERFERENCES)
      .map((name) => new Application(['interfere', name], touch, ({ closing }) => closing)),
    application(['abort'], (model) => {
      // A signal that is aborted beforehand affects a later close.
      if (model.governed || !model.closing) model.cuts.add('aborted');
    }),
    options.map((chosen) => new SafeClose(chosen)),
    options.map((chosen) => new SafeClose(chosen)),
    fc.constantFrom(1, 1_000, 100_000).map((bytes) => new PeerDoes('send', bytes)),
    fc.constantFrom('shutdown', 'close', 'reset').map((what) => new PeerDoes(what as 'close')),
  ];
}

/** Whether a report is possible, given what has been done. */
function checkReport(report: CloseReport, model: Model, engine: Engine): void {
  const { outcome, delivered, discardedBytes, unackedBytes, duration, error } = report;
  const possible: Record<CloseReport['outcome'], boolean> = {
    eof: true,
    delivered: model.limits.has('until'),
    drained: model.limits.has('drain'),
    reset: model.cuts.has('reset'),
    aborted: model.cuts.has('aborted'),
    // A peer that closes with unread bytes sends RST, and so does the kernel for bytes that come too late.
    'peer-reset': model.peer !== 'open',
    // With the defaults only on a very slow machine.
    idle: model.limits.has('idleTimeout') || duration >= 10_000,
    timeout: model.limits.has('timeout') || duration >= 30_000,
    'max-bytes': model.limits.has('maxBytes'),
    evicted: false,
    closed: model.touched || model.peer !== 'open',
    error: model.touched,
  };
  expect(possible[outcome], `'${outcome}' is possible`).toBe(true);
  expect(discardedBytes).toBeGreaterThanOrEqual(0);
  expect(discardedBytes).toBeLessThanOrEqual(model.peerSent);
  expect(duration).toBeGreaterThanOrEqual(0);
  if (unackedBytes !== null) expect(unackedBytes).toBeGreaterThanOrEqual(0);
  // What is delivered is acknowledged.
  if (delivered === true && unackedBytes !== null) expect(unackedBytes).toBe(0);
  if (unackedBytes !== null && unackedBytes > 0) expect(delivered).not.toBe(true);
  // And what is delivered has arrived.
  if (delivered === true && model.peerReceived !== undefined) expect(model.peerReceived).toBe(model.written);
  if (outcome === 'delivered') expect(delivered).toBe(engine === 'native' ? true : null);
  if (outcome === 'reset' || outcome === 'aborted') expect(error).toBeUndefined();
  if (outcome === 'eof' && report.engine === 'native') expect(delivered).not.toBe(false);
  if (engine === 'streams') expect(report.engine).toBe('streams');
  expect(outcome === 'error', JSON.stringify(error)).toBe(error !== undefined);
}

const WORKERS = Math.ceil(RUNS / 3);

test(`${WORKERS} Workers that are terminated in the middle of arbitrary sequences leave no descriptor behind`, {
  timeout: 600_000,
}, async () => {
  await using fixture = new Fixture<{ started: number; before: number; after: number }>('robustness/fuzz-worker', {
    args: [String(WORKERS), String(SEED)],
  });
  const { started, before, after } = await fixture.next();
  console.log(`Workers: FUZZ_SEED=${SEED}, ${started} of them, ${before} descriptors before and ${after} after`);
  expect(started).toBe(WORKERS);
  expect(after).toBe(before);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr).toBe('');
});

describe.each(ENGINES)('%s engine', (engine) => {
  describe.each<Transport>(['tcp4', 'unix'])('%s', (transport) => {
    let server: SafeCloseHost;
    beforeAll(async () => {
      server = await SafeCloseHost.start({ engine, transport, options: { allowHalfOpen: true } });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test(`${RUNS} sequences: every close settles as the model says, and releases its descriptor`, {
      timeout: 600_000,
    }, async () => {
      const tally: Record<string, number> = {};
      let before: number | undefined;
      const property = fc.asyncProperty(fc.commands(commands(engine), { size: '+1' }), async (sequence) => {
        {
          await using connection = await server.connect();
          const model: Model = {
            closing: false,
            touched: false,
            limits: new Set(),
            cuts: new Set(),
            governed: false,
            peer: 'open',
            peerSent: 0,
            peerReceived: undefined,
            written: 0,
          };
          const real: Real = { connection, calls: [] };
          await connection.ask('catchErrors');
          await fc.asyncModelRun(() => ({ model, real }), sequence);
          if (!model.closing) await new SafeClose({}).run(model, real);
          // The peer reads what there is, and ends.
          if (model.peer === 'open' || model.peer === 'half-closed') {
            const { received, end } = await connection.peer.receive();
            if (end === 'eof') model.peerReceived = received;
            await connection.peer.close();
            model.peer = 'closed';
          }
          const report = await connection.report();
          tally[report.outcome] = (tally[report.outcome] ?? 0) + 1;
          checkReport(report, model, engine);
          expect(real.calls).toEqual(real.calls.map(() => true));
          expect(await connection.ask('safeClose', {})).toBe(true);
          expect(await connection.report()).toEqual(report);
          await connection.ask('closed');
        }
        before ??= await server.ask(['descriptors']);
        // After setLinger(socket, 1) the close may take a second, and may begin when 'close' has been emitted.
        const deadline = performance.now() + 10_000;
        let now: number;
        do now = await server.ask(['descriptors']);
        while (now !== before && performance.now() < deadline);
        expect(now).toBe(before);
      });
      // No shrinking, because each attempt may wait. The seed gives the same sequence again.
      await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true, verbose: 1 });
      console.log(
        `sequences, ${engine} ${transport}: FUZZ_SEED=${SEED}, ${RUNS} of them, ended as ${JSON.stringify(tally)}, ` +
          `${before} descriptors before and after`,
      );
      expect(Object.keys(tally).length).toBeGreaterThan(2);
    });
  });
});
