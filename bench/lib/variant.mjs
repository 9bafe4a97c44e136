// The addon with other constants, built beside the ordinary one, to measure by what they were chosen.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildEnvironment, nodeGyp } from '../../scripts/toolchain.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** @returns the environment by which a process loads it: node-gyp-build looks there first */
export function buildVariant(id, constants) {
  const folder = `${root}build/bench/variant-${id}/`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'binding.gyp', 'src-native']) cpSync(`${root}${name}`, `${folder}${name}`, { recursive: true });
  symlinkSync(`${root}node_modules`, `${folder}node_modules`);
  for (const [name, value] of Object.entries(constants)) replaceConstant(`${folder}src-native/`, name, value);
  const { status, stderr } = spawnSync(process.execPath, [nodeGyp, 'rebuild', '--silent', '--jobs=max'], {
    cwd: folder,
    env: buildEnvironment(),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the addon cannot be built: ${stderr}`);
  return { LINGERING_CLOSE_PREBUILD: folder };
}

function replaceConstant(folder, name, value) {
  const declaration = new RegExp(`^(constexpr \\w+ ${name} = ).*;$`, 'm');
  const file = readdirSync(folder).find((each) => declaration.test(readFileSync(`${folder}${each}`, 'utf8')));
  if (!file) throw new Error(`src-native has no constant ${name}`);
  writeFileSync(`${folder}${file}`, readFileSync(`${folder}${file}`, 'utf8').replace(declaration, `$1${value};`));
}
