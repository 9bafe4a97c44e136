// `npm run test:arm64` and `npm run test:musl`: tests of behaviour with the prebuilt binary in a Node.js of another
// platform. Only the fixtures run in that Node.js; the runner and the raw peers run in the Node.js of this machine.
import { HOSTS } from './other-platforms.mjs';
import { runOnPrebuilt } from './prebuilt-suite.mjs';

// Few files, because qemu needs seconds to start a Node.js. They cover each call of the addon, and each outcome, limit
// and race of the discard loop.
const FILES = ['socket/calls', 'socket/linger-loop', 'close/safe-close'];

// Names of tests, or of groups of tests.
const LEFT_OUT = {
  'streams engine': 'it is JavaScript, the same everywhere',
};

const WHY = {
  arm64: `What qemu-user cannot show: the kernel is that of this machine, so no arm64 kernel is tested. Speed, memory
and the order of memory accesses are not tested either. qemu translates each system call, and the kernel really does it:
epoll with edges, MSG_TRUNC, SO_RCVLOWAT, SIOCOUTQ, RST and FIN.`,
  musl: `What this cannot show: an Alpine Linux. musl is Debian's, and Node.js is one that was built for musl. libstdc++
is Debian's too; test/other-platforms/glibc-names.c adds the names that it takes from glibc.`,
};

const [name, ...args] = process.argv.slice(2);
const { host, obstacle, prepare } = HOSTS[name];

const missing = obstacle();
if (missing) {
  // In CI a missing tool is a failure, so that CI never tests less than it claims.
  console.error(`${process.env.CI ? 'Failed' : 'Skipped'}: the tests for ${host} cannot run here: ${missing}.`);
  process.exit(process.env.CI ? 1 : 0);
}

const env = { LINGERING_CLOSE_TEST_NODE: prepare(), LINGERING_CLOSE_TEST_HOST: host };
const selection = [
  '--testNamePattern',
  `^(?!.*(${Object.keys(LEFT_OUT).join('|')}))`,
  ...FILES.map((file) => `test/${file}.test.ts`),
];
// The usual limits, multiplied for the pace of qemu.
const limits = ['--testTimeout=300000', '--hookTimeout=300000'];
const status = runOnPrebuilt([...limits, ...selection, ...args], { env });

const leftOut = Object.entries(LEFT_OUT).map(([what, why]) => `${what} (${why})`);
console.log(`Ran for ${host}: ${FILES.join(', ')}. Left out, and counted as skipped: ${leftOut.join(', ')}.
The other test files were not run. What they test does not depend on the binary, or is in the files above too, or is
measured in time, or the tests start Node.js themselves.
${WHY[name]}`);
process.exit(status);
