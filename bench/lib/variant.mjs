// The addon with other constants. So the benchmarks can compare the chosen values with others.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { made } from '../../lab/compile.mjs';
import { buildCopy } from '../../scripts/toolchain.mjs';

/** @returns the environment with which a process loads this addon */
export function buildVariant(id, constants) {
  const environment = buildCopy(join(made, `variant-${id}`), {
    edit: (folder) => {
      for (const [name, value] of Object.entries(constants)) replaceConstant(folder, name, value);
    },
  });
  if (!environment) throw new Error('the addon cannot be built');
  return environment;
}

function replaceConstant(folder, name, value) {
  const declaration = new RegExp(`^(constexpr \\w+ ${name} = ).*;$`, 'm');
  const file = readdirSync(folder)
    .map((each) => join(folder, each))
    .find((each) => declaration.test(readFileSync(each, 'utf8')));
  if (!file) throw new Error(`src-native has no constant ${name}`);
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(declaration, (_, beginning) => `${beginning}${value};`),
  );
}
