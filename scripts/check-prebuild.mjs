// Tells of each prebuilt binary whether its manifest matches the binary and the present sources, and what differs.
import { differences } from './manifest.mjs';
import { TARGETS } from './targets.mjs';

const stale = TARGETS.map((target) => [target.name, differences(target)]).filter(([, found]) => found.length > 0);
for (const [name, found] of stale) console.error(`prebuilds/${name} does not match: ${found.join(', ')}.`);
if (stale.length > 0) {
  console.error('Run `npm run prebuild` and commit what it writes.');
  process.exit(1);
}
