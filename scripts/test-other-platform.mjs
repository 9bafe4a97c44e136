// `npm run test:arm64` and `npm run test:musl`: tests of behaviour, with the prebuilt binary in a Node.js of another platform. The runner and the raw peers
// stay on this one; only the fixtures' node is the other.
import { HOSTS } from './other-platforms.mjs';
import { runOnPrebuilt } from './prebuilt-suite.mjs';

// Few, for qemu needs seconds to start a Node.js: each call of the addon, and every outcome, limit and race of its discard loop.
const FILES = ['socket/calls', 'socket/linger-loop', 'close/safe-close'];

// By the names of tests and of the groups that they stand in.
const LEFT_OUT = {
  'streams engine': 'it is JavaScript, the same everywhere',
};

const WHY = {
  arm64: `What qemu-user cannot show: the kernel is this machine's, so that no arm64 kernel is tested; nor are speed, memory and the order of memory accesses. The
calls are translated one by one, and what the kernel does with them is real: epoll with edges, MSG_TRUNC, SO_RCVLOWAT, SIOCOUTQ, RST and FIN.`,
  musl: `What this cannot show: an Alpine Linux. musl is Debian's, the Node.js one that was built for musl, and libstdc++ Debian's, with the names that it takes
from glibc put beside it (test/other-platforms/glibc-names.c).`,
};

const [name, ...args] = process.argv.slice(2);
const { host, obstacle, prepare } = HOSTS[name];

const missing = obstacle();
if (missing) {
  // In CI a missing tool is a failure, not a reason to look at less.
  console.error(`${process.env.CI ? 'Failed' : 'Skipped'}: the tests for ${host} cannot run here: ${missing}.`);
  process.exit(process.env.CI ? 1 : 0);
}

const env = { LINGERING_CLOSE_TEST_NODE: prepare(), LINGERING_CLOSE_TEST_HOST: host };
const selection = [
  '--testNamePattern',
  `^(?!.*(${Object.keys(LEFT_OUT).join('|')}))`,
  ...FILES.map((file) => `test/${file}.test.ts`),
];
// As generous as elsewhere, by the pace of qemu.
const limits = ['--testTimeout=300000', '--hookTimeout=300000'];
const status = runOnPrebuilt([...limits, ...selection, ...args], { env });

const leftOut = Object.entries(LEFT_OUT).map(([what, why]) => `${what} (${why})`);
console.log(`Ran for ${host}: ${FILES.join(', ')}. Left out, and counted as skipped: ${leftOut.join(', ')}.
Left out whole: the other test files. What they test depends on no binary, is in these files too, is measured in time, or starts Node.js by itself.
${WHY[name]}`);
process.exit(status);
