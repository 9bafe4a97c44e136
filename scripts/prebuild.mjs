// Builds prebuilds/<platform>-<arch>/lingering-close.node, with its manifest, for every target that this machine has a
// compiler for. The same tools give the same bytes on every machine.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';
import { writeManifest } from './manifest.mjs';
import { root, TARGETS, whyNotBuilt } from './targets.mjs';
import { buildEnvironment, requireBuildTools } from './toolchain.mjs';

requireBuildTools();

// prebuildify moves the binary out of its build folder. A folder of its own keeps the developer's build/Release.
const cwd = join(root, 'build/prebuild');

for (const target of TARGETS) {
  const obstacle = whyNotBuilt(target);
  if (obstacle) console.error(`${target.name} is not built: ${obstacle}.`);
  else await build(target);
}

async function build(target) {
  const { arch, cc, cxx, strip, folder } = target;
  for (const old of [cwd, folder]) rmSync(old, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  for (const name of ['binding.gyp', 'package.json', 'src-native'])
    cpSync(join(root, name), join(cwd, name), { recursive: true });

  // prebuildify passes its environment on to node-gyp. __FILE__ and the debug information must not contain the path of
  // the project.
  const flags = { CXXFLAGS: `-ffile-prefix-map=${cwd}=. -ffile-prefix-map=${root}=./` };
  Object.assign(process.env, buildEnvironment(), flags, { CC: cc, CXX: cxx });
  const targets = [{ runtime: 'node', target: process.versions.node }];
  await promisify(prebuildify)({
    cwd,
    out: root,
    arch,
    platform: 'linux',
    targets,
    napi: true,
    strip: true,
    stripBin: strip,
  });
  writeManifest(target);
  rmSync(cwd, { recursive: true });
}
