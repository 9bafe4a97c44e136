// Very many hostile peers at once: some drip, some flood, and an ordinary client must be served.
import { setTimeout as delay } from 'node:timers/promises';
import { runJson, startAnswering, startServer as startBareLoop } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { tcpBufferBytes } from '../lab/cpu.mjs';
import { median } from '../lab/statistics.mjs';
import { measured, startServer } from './lib/server.mjs';
import { megabytes, Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Hostile peers';
export const what =
  '15,000 connections linger at once. Nearly all of their peers send a byte a second, and 64 flood. Meanwhile ' +
  'an ordinary client is served, and other peers run into the limits: bytes, idle time, total time, and ' +
  '`maxLingering`, which must evict the oldest connections of the address that has most, and no others. The ' +
  'latency of the ordinary client is measured by turns: with the server quiet; with the server quiet while the ' +
  'same peers attack another process of the machine; and with the peers at the server. The peers have the ' +
  'lowest priority, because they share the processors with the server and its client.';

const MiB = 1 << 20;
const PER_SECOND = 100;
const QUICK = { crowd: 600, flooders: 2, late: 30, limited: 20, seconds: 0.5, rounds: 1 };
const FULL = { crowd: 15_000, flooders: 64, late: 300, limited: 400, seconds: 4, rounds: 5 };
/** The most bytes of a lingering connection, and the most that Node.js may take in addition. */
const BYTES_EACH = 4_000;
const BYTES_BESIDES = 30 * MiB;
/** A wide limit, because the machine may be busy. The note of the row has the measured ratio. */
const SLOWER = 50;

const isSlow = (attacked, quiet, control) => attacked > SLOWER * Math.max(quiet, control, 1);

export async function run({ quick }) {
  const size = quick ? QUICK : FULL;
  const attack = await Attack.start(size);
  // A first round, in which the heap grows and V8 compiles the code.
  await attack.open();
  await attack.close();
  const latencies = { quiet: [], control: [], attacked: [] };
  const gets = new Tally(`an ordinary client beside ${size.crowd} lingering connections`);
  const buffersBefore = tcpBufferBytes();
  const most = { memory: 0, descriptors: 0, buffers: 0 };
  const held = await measured(attack.server, async () => {
    for (let i = 0; i < size.rounds; i++) {
      latencies.quiet.push(await attack.get(gets));
      latencies.control.push(await attack.beside(gets));
      await attack.open();
      const end = attack.begin();
      await delay(500);
      let attacked = await attack.get(gets);
      // Measure again: a stall of the machine passes, a slow server stays slow.
      for (let j = 0; j < 2 && isSlow(attacked, latencies.quiet[i], latencies.control[i]); j++)
        attacked = await attack.get(gets);
      latencies.attacked.push(attacked);
      await attack.runIntoLimits();
      const usage = await attack.runIntoEviction();
      for (const key of ['memory', 'descriptors']) most[key] = Math.max(most[key], usage[key]);
      most.buffers = Math.max(most.buffers, tcpBufferBytes() - buffersBefore);
      await end();
      await attack.close();
    }
  });
  const [quiet, control, attacked] = ['quiet', 'control', 'attacked'].map((key) => median(latencies[key]));
  if (isSlow(attacked, quiet, control)) gets.add('slow', `p99 ${attacked} ms, quiet ${quiet} ms`);
  const memory = attack.tally(`memory, ${size.crowd} lingering connections`);
  const more = most.memory - held.memory[0];
  memory.add('bounded', more > BYTES_EACH * size.crowd + BYTES_BESIDES ? `${more} bytes more at most` : undefined);
  const kept = held.memory[1] - held.memory[0];
  memory.add('given back', kept > BYTES_BESIDES ? `${kept} bytes are kept` : undefined);
  await attack.check();
  await attack.server.stop();
  const notes = new Map([
    [
      gets,
      `p99 ${quiet.toFixed(2)} ms with the server quiet, ${control.toFixed(2)} ms with the peers at another process, ` +
        `${attacked.toFixed(2)} ms under attack: ${(attacked / quiet).toFixed(1)} times that of the quiet server, ` +
        `${(attacked / control).toFixed(1)} times that of the quiet server on a machine that is as busy.`,
    ],
    [
      memory,
      `${megabytes(held.memory[0])} MB before, ${megabytes(most.memory)} MB at most ` +
        `(${Math.round(more / size.crowd)} bytes a connection), ${megabytes(held.memory[1])} MB after; ` +
        `${most.descriptors} descriptors at most; ` +
        `buffers of all TCP sockets of the machine, both ends, ${megabytes(most.buffers)} MB at most.`,
    ],
  ]);
  return [gets, ...attack.tallies, memory].map((tally) => tally.row(held, notes.get(tally)));
}

/** With the lowest priority. Real peers run on other machines and take no processor time from the server. */
function startPeers(program, args) {
  return startAnswering('nice', ['-n', 19, program, ...args]);
}

class Attack {
  server;
  #size;
  #ports;
  #peers;
  #programs = { holder: compile('holder'), sender: compile('sender'), getter: compile('getter') };
  #tallies = {};

  static async start(size) {
    const attack = new Attack();
    attack.#size = size;
    attack.server = await startServer('crowd');
    const room = size.crowd + 3 * size.limited;
    const listen = (name, options) => attack.server.ask('listen', { name, options });
    attack.#ports = {
      main: await listen('main', { maxLingering: size.crowd, idleTimeout: 60_000, timeout: 240_000 }),
      silent: await listen('silent', { maxLingering: room, idleTimeout: 500 }),
      dripping: await listen('dripping', { maxLingering: room, timeout: 1_000 }),
      flooding: await listen('flooding', { maxLingering: room, maxBytes: 8 * MiB }),
    };
    // Two processes of peers, because the limit of descriptors is for each process.
    attack.#peers = [attack.#hold('main'), attack.#hold('main')];
    for (const [key, subject] of [
      ['main', 'held to the end'],
      ['silent', 'silent: idle time'],
      ['dripping', 'dripping: total time'],
      ['flooding', 'flooding: byte limit'],
      ['evicted', '`maxLingering`: the oldest ones'],
    ]) {
      attack.#tallies[key] = new Tally(subject);
    }
    return attack;
  }

  #hold(name) {
    return startPeers(this.#programs.holder, [this.#ports[name], 'drips']);
  }

  get tallies() {
    return Object.values(this.#tallies);
  }

  tally(subject) {
    return new Tally(subject);
  }

  async #lingering(name) {
    return (await this.server.ask('lingering'))[name];
  }

  async #until(name, reached) {
    for (let i = 0; i < 1_000; i++) {
      const state = await this.#lingering(name);
      if (reached(state)) return state;
      await delay(20);
    }
    return this.#lingering(name);
  }

  /** Opens the connections of the peers that drip. */
  async open() {
    const half = (this.#size.crowd - this.#size.flooders) / 2;
    for (const peers of this.#peers) await peers.ask(`open ${half}`);
    await this.#until('main', ({ active }) => active >= 2 * half);
  }

  /** All peers begin to send. Returns a function that ends this. */
  begin() {
    const flood = startPeers(this.#programs.sender, [this.#ports.main, this.#size.flooders, 1e15, 600]);
    let over = false;
    const dripping = this.#peers.map(async (peers) => {
      while (!over) await peers.ask('drip 1');
    });
    return async () => {
      over = true;
      await Promise.all([flood.stop(), ...dripping]);
    };
  }

  async close() {
    await Promise.all(this.#peers.map((peers) => peers.ask('close')));
    await this.#until('main', ({ active }) => active === 0);
  }

  /** Runs the ordinary client. Returns its p99 in milliseconds. */
  async get(tally) {
    const { p99, count, failed } = await runJson(this.#programs.getter, [
      this.#ports.main,
      this.#size.seconds,
      PER_SECOND,
    ]);
    for (let i = 0; i < count; i++) tally.add('answered');
    for (let i = 0; i < failed; i++) tally.add('failed', 'a GET was not answered');
    return p99 / 1_000;
  }

  /** The same, while the same peers attack another process. */
  async beside(tally) {
    const other = await startBareLoop([compile('discard'), 0, 0]);
    const { crowd, flooders, seconds } = this.#size;
    const peers = [0, 1].map(() => startPeers(this.#programs.holder, [other.port, 'drips']));
    for (const each of peers) await each.ask(`open ${(crowd - flooders) / 2}`);
    const dripping = peers.map((each) => each.ask(`drip ${Math.ceil(seconds) + 1}`));
    const flood = startPeers(this.#programs.sender, [other.port, flooders, 1e15, seconds + 1]);
    await delay(500);
    const p99 = await this.get(tally);
    await Promise.all([flood.exit, ...dripping]);
    for (const each of peers) await each.stop();
    await other.stop();
    return p99;
  }

  /** More peers run into each limit, during the attack. */
  async runIntoLimits() {
    const { limited, flooders } = this.#size;
    const before = await this.server.ask('lingering');
    const silent = this.#hold('silent');
    const dripping = this.#hold('dripping');
    await Promise.all([silent, dripping].map((peers) => peers.ask(`open ${limited}`)));
    const over = dripping.ask('drip 2');
    await runJson(this.#programs.sender, [this.#ports.flooding, flooders, 1e9, 0]);
    await over;
    await this.#expect('silent', 'idle', before, limited);
    await this.#expect('dripping', 'timeout', before, limited);
    await this.#expect('flooding', 'max-bytes', before, flooders);
    await Promise.all([silent, dripping].map((peers) => peers.stop()));
  }

  async #expect(name, outcome, before, count) {
    const { outcomes } = await this.#until(name, ({ active }) => active === 0);
    const more = (key) => outcomes[key] - before[name].outcomes[key];
    for (const key of Object.keys(outcomes)) {
      for (let i = 0; i < more(key); i++)
        this.#tallies[name].add(key, key === outcome ? undefined : `${name}: '${key}' in place of '${outcome}'`);
    }
    for (let i = 0; i < count - Object.keys(outcomes).reduce((sum, key) => sum + more(key), 0); i++) {
      this.#tallies[name].add('not over', `${name}: a linger is not over`);
    }
  }

  /** More peers come than may linger. Returns what the server holds then. */
  async runIntoEviction() {
    const { crowd, late } = this.#size;
    const full = await this.#until('main', ({ active }) => active >= crowd);
    this.#tallies.main.add('full', full.active === crowd ? undefined : `${full.active} linger, and not ${crowd}`);
    const peers = this.#hold('main');
    await peers.ask(`open ${late}`);
    const { active, evictions } = await this.#until('main', (state) => state.evictions - full.evictions >= late);
    for (let i = 0; i < evictions - full.evictions; i++)
      this.#tallies.evicted.add('evicted', i < late ? undefined : 'evicted without need');
    for (let i = 0; i < late - (evictions - full.evictions); i++)
      this.#tallies.evicted.add('kept', 'more linger than may');
    this.#tallies.main.add('full', active === crowd ? undefined : `${active} linger, and not ${crowd}`);
    const usage = await this.server.usage();
    await peers.stop();
    return usage;
  }

  /** Adds what the server found at the end of each linger. */
  async check() {
    const { violations, evictionsChecked } = await this.server.ask('checks');
    const { main } = await this.server.ask('lingering');
    for (const violation of violations) this.#tallies.main.add('violated', violation);
    if (evictionsChecked !== main.evictions)
      this.#tallies.evicted.add('unchecked', `${evictionsChecked} evictions of ${main.evictions} were checked`);
    const { eof, 'peer-reset': reset } = main.outcomes;
    for (let i = 0; i < eof; i++) this.#tallies.main.add('eof');
    for (let i = 0; i < reset; i++) this.#tallies.main.add('peer-reset');
    for (const outcome of ['idle', 'timeout', 'max-bytes', 'error', 'aborted']) {
      for (let i = 0; i < main.outcomes[outcome]; i++)
        this.#tallies.main.add(outcome, `a peer that drips or floods ended by '${outcome}'`);
    }
  }
}

await main(import.meta.url, run);
