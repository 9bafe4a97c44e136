// Every public function with arbitrary values in every argument: it does its work, or throws what its documentation
// names. FUZZ_RUNS, FUZZ_SEED.
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] || 300);
const SEED = Number(process.env['FUZZ_SEED'] || Date.now() % 2 ** 31);

interface Outcome {
  functions: string[];
  tally: Record<string, Record<string, number>>;
  failures: string[];
  descriptors: [before: number, after: number];
  seconds: number;
}

// exitOnBrokenPipe waits for a broken stdout, and takes no arguments. The other one is a class.
const NOT_CALLED = ['exitOnBrokenPipe', 'SocketError'];
const NEED_THE_ADDON = ['setLinger', 'getLinger', 'pendingBytes', 'unackedBytes', 'send', 'getSigpipe', 'setSigpipe'];

test.each(ENGINES)(
  '%s engine: every public function withstands arbitrary arguments',
  { timeout: 600_000 },
  async (engine) => {
    await using fixture = new Fixture<Outcome>('robustness/fuzz-arguments', {
      args: [String(RUNS), String(SEED)],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
    });
    const { functions, tally, failures, descriptors, seconds } = await fixture.next();
    console.log(
      `arguments, ${engine}: FUZZ_SEED=${SEED}, ` +
        `${RUNS} calls of each of ${Object.keys(tally).length} functions in ${seconds.toFixed(1)} s`,
    );
    expect(failures).toEqual([]);
    expect([...Object.keys(tally), ...NOT_CALLED].sort()).toEqual(functions.sort());
    for (const [name, results] of Object.entries(tally)) {
      // Not every call is refused, and not every call is accepted.
      if (engine === 'streams' && NEED_THE_ADDON.includes(name))
        expect(Object.keys(results), name).toContain('ERR_ADDON_UNAVAILABLE');
      else if (['safeClose', 'lingerOnClose', 'closeServer', 'setSigpipe'].includes(name))
        expect(Object.keys(results), name).toContain('done');
    }
    expect(descriptors[1]).toBe(descriptors[0]);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  },
);
