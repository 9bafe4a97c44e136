// Two copies of the package in one process, of one version or of two.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { provoke, provokeAll, startParties } from './lib/raw-peers.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Two copies in one process';
export const what = `A second copy of the package is in the same process, as npm installs it when a dependency needs
another version, and both copies look after the same connections. The first copy must serve them for both: one linger a
connection, one descriptor, one report, which counts all bytes. In half of the runs the second copy has another version
number. (A version from before this rule lingers beside the first, on a descriptor of its own.)`;

const root = fileURLToPath(new URL('..', import.meta.url));
const PARTS = ['package.json', 'dist', 'prebuilds', 'build/Release/lingering_close.node'];

function copyPackage(version) {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-torture-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const part of PARTS.filter((part) => existsSync(join(root, part)))) {
    mkdirSync(dirname(join(folder, part)), { recursive: true });
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  const manifest = join(folder, 'package.json');
  const text = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, JSON.stringify({ ...text, version: version ?? text.version }));
  return folder;
}

/** Counts the sockets for each connection while all connections linger. */
async function countSockets({ server, peers }, count) {
  await server.ask('closed', count);
  const descriptors = (await server.ask('sockets')) / count;
  await peers.ask('go');
  return (await server.ask('reports', count)).map((report) => ({ ...report, descriptors }));
}

async function closeByOther({ server, peers }, count) {
  await server.ask('closed', count);
  const descriptors = (await server.ask('sockets')) / count;
  const closing = server.ask('closeServer');
  await peers.ask('go');
  if ((await closing) !== count) throw new Error('closeServer() of the other copy does not count all lingers');
  return (await server.ask('reports', count)).map((report) => ({ ...report, descriptors }));
}

const fault = (way, more = {}) => ({
  act: 'converse',
  peer: { bytes: 20_000 },
  way: { way, bytes: 100 },
  between: countSockets,
  outcome: 'eof',
  delivered: [true],
  expected: { descriptors: 1 },
  ...more,
});

const FAULTS = {
  'lingerOnClose() of both': fault('both'),
  'safeClose() of both': fault('safeCloseOfBoth'),
  'lingerOnClose() of one, safeClose() of the other': fault('safeCloseOfOther'),
  'lingering-close/register of both': fault('register', {
    peer: { bytes: 20_000, http: true },
    way: { way: 'register', bytes: 100, http: true },
  }),
  'lingerOnClose() of both, closeServer() of the second': fault('both', { between: closeByOther }),
};

export async function run({ times }) {
  const rows = [];
  for (const [name, version] of [
    ['two copies', undefined],
    ['two versions', '99.0.0'],
  ]) {
    const parties = startParties({ server: 'copies', args: [copyPackage(version)] });
    await provoke(parties, FAULTS['safeClose() of both'], 1);
    for (const [what, each] of Object.entries(FAULTS))
      rows.push(await provokeAll(parties, `${name}: ${what}`, each, Math.ceil(times / 2)));
    await parties.server.stop();
  }
  return rows;
}

await main(import.meta.url, run);
