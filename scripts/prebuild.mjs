// Builds prebuilds/<platform>-<arch>/lingering-close.<libc>.node and writes its manifest: the same bytes wherever it is run with the same tools.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import prebuildify from 'prebuildify';
import { currentManifest, manifestFile, root } from './manifest.mjs';
import { buildEnvironment, requireTools } from './toolchain.mjs';

requireTools();

// prebuildify moves the binary out of the folder in which it was built. In one of its own, the developer's build/Release outlives that.
const cwd = join(root, 'build/prebuild');
rmSync(cwd, { recursive: true, force: true });
mkdirSync(cwd, { recursive: true });
for (const name of ['binding.gyp', 'package.json', 'src-native']) cpSync(join(root, name), join(cwd, name), { recursive: true });

// prebuildify hands its own environment on to node-gyp. Neither __FILE__ nor debug information may tell where the project lies.
Object.assign(process.env, buildEnvironment(), { CXXFLAGS: `-ffile-prefix-map=${cwd}=. -ffile-prefix-map=${root}=./` });
const targets = [{ runtime: 'node', target: process.versions.node }];
await promisify(prebuildify)({ cwd, out: root, targets, napi: true, strip: true, tagLibc: true });

const compiler = spawnSync(`${process.env.CXX ?? 'c++'} --version`, { shell: true, encoding: 'utf8' }).stdout.split('\n', 1)[0];
const manifest = { ...currentManifest(), builtWith: { node: process.version, compiler } };
writeFileSync(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`);
rmSync(cwd, { recursive: true });
