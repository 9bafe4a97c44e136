// Says whether the prebuilt binary is the one that its manifest names, built from the sources as they are now.
import { existsSync, readFileSync } from 'node:fs';
import { currentManifest, differences, manifestFile } from './manifest.mjs';

const recorded = existsSync(manifestFile) ? JSON.parse(readFileSync(manifestFile, 'utf8')) : {};
const changed = differences(recorded, currentManifest());
if (changed.length > 0) {
  console.error(`The prebuilt binary does not match: ${changed.join(', ')}. Run \`npm run prebuild\` and commit what it writes.`);
  process.exit(1);
}
