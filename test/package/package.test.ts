// What a user gets: the files of the tarball, and the package as it works once it is installed from the tarball.
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PREBUILT_SKIPPED, platform, prebuilds, prebuilt, root } from '../support/project.ts';
import { run, runOk } from '../support/run.ts';

let folder: string;
let tarball: string;
let files: string[];
/** The folder of a user's project in which the tarball is installed. */
let user: string;
let installed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  for (const script of ['sbom', 'licences']) await runOk('npm', ['run', script], { cwd: root });
  // Without scripts: prepack would rebuild dist/ while other tests use it.
  const output = await runOk('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [packed] = Object.values(JSON.parse(output)) as [{ filename: string; files: { path: string }[] }];
  tarball = join(folder, packed.filename);
  files = packed.files.map(({ path }) => path).sort();
  user = join(folder, 'user');
  installed = join(user, 'node_modules/lingering-close');
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), '{ "private": true }\n');
  await runOk('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', tarball], {
    cwd: user,
  });
}, 180_000);

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What an application can import, by the files of src/. */
const ENTRIES = readdirSync(join(root, 'src'))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, ''));

const tool = (name: string) => join(root, 'node_modules/.bin', name);

function list(directory: string): string[] {
  const entries = readdirSync(join(root, directory), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

describe('the tarball', () => {
  test('holds what a user needs, and nothing else', () => {
    // The library is two files behind its entries.
    const commandLine = list('src/cli').map((file) => file.replace(/^src(.*)\.ts$/, 'dist$1.js'));
    const entries = list('src/system').map((file) => file.replace(/^src(.*)\.ts$/, 'dist$1.js'));
    const chunks = ['system/system', 'lingering-close'].map((name) => `dist/${name}.js`);
    const bundled = [...ENTRIES.map((name) => `dist/${name}.js`), ...entries, ...chunks];
    const commonjs = [...ENTRIES, 'lingering-close', 'rolldown-runtime', 'system/system'];
    // Pictures of measurements are only in the repository.
    const read = list('docs').filter((file) => !/^docs\/plots\/|\.png$/.test(file));
    const expected = [
      ...commandLine,
      ...bundled,
      ...commonjs.map((name) => `dist/${name}.cjs`),
      ...list('src-native'),
      ...list('prebuilds'),
      ...read,
      // With the sources of the addon, for \`lingering-close build\`. At the root, yarn and pnpm would compile by it.
      'dist/cli/binding.gyp',
      'package.json',
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'THIRD-PARTY-LICENSES', 'sbom.cdx.json'],
    ];
    expect(files.filter((file) => !/\.d\.c?ts$/.test(file))).toEqual(expected.sort());
  });

  test('has the types that its entries show, for ES modules and for CommonJS, and no more', () => {
    const declarations = files.filter((file) => /\.d\.c?ts$/.test(file));
    for (const extension of ['ts', 'cts']) {
      const seen = new Set<string>();
      const waiting = ENTRIES.map((name) => `dist/${name}.d.${extension}`);
      for (let file = waiting.pop(); file; file = waiting.pop()) {
        if (seen.has(file)) continue;
        seen.add(file);
        const text = readFileSync(join(installed, file), 'utf8');
        for (const [, to = ''] of text.matchAll(/\b(?:from |import |import\()['"](\.[^'"]*)['"]/g)) {
          expect(to, file).toMatch(extension === 'ts' ? /\.js$/ : /\.cjs$/);
          waiting.push(join(dirname(file), to).replace(/\.(c?)js$/, '.d.$1ts'));
        }
        // Names of newer libs, which an application's tsconfig.json need not have.
        expect(text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''), file).not.toMatch(
          /\b(Async)?Disposable\b|Symbol\.dispose/,
        );
      }
      expect(declarations.filter((file) => file.endsWith(`.d.${extension}`))).toEqual([...seen].sort());
    }
  });

  test('has the licence of what is compiled into its binaries', () => {
    const text = readFileSync(join(installed, 'THIRD-PARTY-LICENSES'), 'utf8');
    const folder = join(root, 'node_modules/node-addon-api');
    expect(text).toContain(readFileSync(join(folder, 'LICENSE.md'), 'utf8').trim());
    const { packages } = JSON.parse(readFileSync(join(prebuilds, 'manifest.json'), 'utf8'));
    expect(text).toContain(`node-addon-api ${packages['node-addon-api']}\n`);
    expect(text).toContain('MIT License');
  });

  test('passes publint, warnings included', async () => {
    const { code, stdout } = await run(tool('publint'), ['run', tarball, '--strict'], { cwd: root });
    expect(stdout).toContain('All good!');
    expect(code).toBe(0);
  });

  test('passes attw, in all modes of resolution', async () => {
    const { code, stdout } = await run(tool('attw'), [tarball, '--no-color', '--no-emoji'], { cwd: root });
    expect(stdout).toContain('No problems found');
    for (const entry of ['lingering-close', 'lingering-close/register', 'lingering-close/register-clients'])
      expect(stdout).toMatch(new RegExp(`"${entry}" +│ OK +│ OK \\(CJS\\) +│ OK \\(ESM\\) +│ OK`));
    expect(code).toBe(0);
  });
});

describe('the bill of materials', () => {
  interface Component {
    type: string;
    name: string;
    version?: string;
    purl?: string;
    hashes: { alg: string; content: string }[];
    components?: Component[];
  }

  const read = () => readFileSync(join(installed, 'sbom.cdx.json'), 'utf8');
  const components = () => (JSON.parse(read()) as { components: Component[] }).components;

  test('is valid by the schema of CycloneDX', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot5);
    expect(await validator.validate(read())).toBeNull();
    expect(await validator.validate(read().replace('"type": "file"', '"type": "folder"'))).not.toBeNull();
  });

  test('names this package, in this version', () => {
    const { version } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(JSON.parse(read())).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      metadata: { component: { name: 'lingering-close', version, purl: `pkg:npm/lingering-close@${version}` } },
    });
  });

  test('has every package that an installation adds, with its hash', () => {
    const { packages } = JSON.parse(readFileSync(join(user, 'node_modules/.package-lock.json'), 'utf8'));
    const brought = Object.entries(packages as Record<string, { version: string; integrity: string }>)
      .filter(([path]) => path !== 'node_modules/lingering-close')
      .map(([path, { version, integrity }]) => [path.replace('node_modules/', ''), version, integrity]);
    const listed = components()
      .filter(({ type }) => type === 'library')
      .map(({ name, version, hashes }) => [
        name,
        version,
        `sha512-${Buffer.from(hashes[0]?.content ?? '', 'hex').toString('base64')}`,
      ]);
    expect(listed).toEqual(brought);
    // None at all: what the package needs is in it.
    expect(listed).toEqual([]);
  });

  test('has every binary, with its hash, and what was compiled into it', () => {
    const files = components().filter(({ type }) => type === 'file');
    expect(files.map(({ name }) => name).sort()).toEqual(
      list('prebuilds')
        .filter((name) => name.endsWith('.node'))
        .sort(),
    );
    for (const { name, hashes, components } of files) {
      const content = createHash('sha256')
        .update(readFileSync(join(installed, name)))
        .digest('hex');
      expect(hashes).toEqual([{ alg: 'SHA-256', content }]);
      expect(components?.map(({ name }) => name)).toEqual(['node-addon-api']);
    }
  });

  test('is the same each time it is made', async () => {
    const before = read();
    await runOk('npm', ['run', 'sbom'], { cwd: root });
    expect(readFileSync(join(root, 'sbom.cdx.json'), 'utf8')).toBe(before);
    expect(before).not.toMatch(/serialNumber|timestamp/);
  });
});

describe('the installed package', () => {
  test('runs no script when it is installed', () => {
    const lock = JSON.parse(readFileSync(join(user, 'node_modules/.package-lock.json'), 'utf8'));
    // npm notes an install script here. It also invents one (node-gyp rebuild) for a package with a binding.gyp, unless
    // the package says otherwise.
    expect(Object.keys(lock.packages)).toEqual(['node_modules/lingering-close']);
    expect(lock.packages['node_modules/lingering-close']).not.toHaveProperty('hasInstallScript');
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect(manifest.gypfile).toBe(false);
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(manifest.scripts).not.toHaveProperty(name);
  });

  test('can be installed on every platform: the streams engine serves where there is no addon', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    for (const name of ['os', 'cpu', 'libc']) expect(manifest).not.toHaveProperty(name);
  });

  test.skipIf(!prebuilt)(`can be imported${PREBUILT_SKIPPED}`, async () => {
    const script =
      "import * as all from 'lingering-close';" +
      'console.log(all.engine, typeof all.safeClose, Object.keys(all).length);';
    const exported = Object.keys(await import('../../src/index.ts')).length;
    expect(await run('node', ['--input-type=module', '--eval', script], { cwd: user })).toEqual({
      code: 0,
      stdout: `native function ${exported}\n`,
      stderr: '',
    });
  });

  // A namespace for each of twelve modules was a quarter of an import: see scripts/bundle.mjs.
  test('has Node.js make no namespaces of its modules', () => {
    for (const file of ['lingering-close.js', 'system/system.js']) {
      const code = readFileSync(join(installed, 'dist', file), 'utf8');
      expect(code).toContain(' = builtin("node:fs");');
      const imports = [...code.matchAll(/^(?:import|export) .*"(node:.+)"/gm)].map(([, name]) => name);
      expect(imports).toEqual(file.startsWith('system/') ? ['node:module'] : []);
    }
  });

  // As in Node.js 21, and in 22.0 to 22.2.
  test('can be imported without process.getBuiltinModule', async () => {
    const script =
      'delete process.getBuiltinModule;' +
      "const { engine, safeClose } = await import('lingering-close');" +
      "await import('lingering-close/register'); await import('lingering-close/register-clients');" +
      'console.log(engine, typeof safeClose, process.getBuiltinModule);';
    expect(await run('node', ['--input-type=module', '--eval', script], { cwd: user })).toEqual({
      code: 0,
      stdout: `${prebuilt ? 'native' : 'streams'} function undefined\n`,
      stderr: expect.not.stringContaining('Error'),
    });
  });

  test.skipIf(!prebuilt)(`can be required${PREBUILT_SKIPPED}`, async () => {
    const script = `const { engine, safeClose } = require('lingering-close'); console.log(engine, typeof safeClose);`;
    expect(await run('node', ['--eval', script], { cwd: user })).toEqual({
      code: 0,
      stdout: 'native function\n',
      stderr: '',
    });
  });

  test('has each of its entries as an ES module and as CommonJS, with its types, also for older resolution', () => {
    const { exports, main, types, typesVersions } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    const wanted = ENTRIES.map((name) => [
      name === 'index' ? '.' : `./${name}`,
      {
        import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
        require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
      },
    ]);
    expect(exports).toEqual({ ...Object.fromEntries(wanted), './package.json': './package.json' });
    expect({ main, types }).toEqual({ main: './dist/index.cjs', types: './dist/index.d.cts' });
    const others = ENTRIES.filter((name) => name !== 'index');
    const byName = Object.fromEntries(others.map((name) => [name, [`./dist/${name}.d.cts`]]));
    expect(typesVersions).toEqual({ '*': byName });
  });

  test.skipIf(!prebuilt)(`has a command line, and its addon is the prebuilt one${PREBUILT_SKIPPED}`, async () => {
    const stdout = await runOk('npx', ['--no', 'lingering-close', 'doctor'], { cwd: user });
    expect(stdout).toContain(join(installed, 'prebuilds', platform));
    const usage = await runOk('npx', ['--no', 'lingering-close', 'demo', '--help'], { cwd: user });
    expect(usage).toContain('Usage: lingering-close demo');
  });

  test('compiles its addon by one command, and loads what was built', async () => {
    // Without them npm would fetch both; `npm run test:consumers` has no compiler, and tests what is said there.
    for (const name of ['node-gyp', 'node-addon-api']) {
      symlinkSync(realpathSync(join(root, 'node_modules', name)), join(user, 'node_modules', name));
    }
    const before = readdirSync(installed).sort();
    const stdout = await runOk('npx', ['--no', 'lingering-close', 'build'], { cwd: user });
    const built = join(installed, 'build/Release/lingering_close.node');
    expect(stdout).toBe(`Built ${built}\n`);
    expect(readdirSync(installed).sort()).toEqual([...before, 'build'].sort());
    const { addon } = JSON.parse(await runOk('npx', ['--no', 'lingering-close', 'doctor', '--json'], { cwd: user }));
    expect(addon).toEqual({ loaded: true, file: built });
    rmSync(join(installed, 'build'), { recursive: true });
  }, 300_000);

  test('uses another copy of itself when a bundler has copied the imported one', async () => {
    writeFileSync(join(user, 'bundled.mjs'), `export { lingerOnClose } from 'lingering-close';\n`);
    await runOk(tool('rolldown'), ['bundled.mjs', '--platform', 'node', '--format', 'esm', '--file', 'bundle.mjs'], {
      cwd: user,
    });
    const script = `
      import { createServer } from 'node:http';
      import { closeServer } from 'lingering-close';
      import { lingerOnClose } from './bundle.mjs';
      const server = createServer().listen(0, '127.0.0.1', async () => {
        lingerOnClose(server);
        console.log(await closeServer(server).then(({ aborted }) => server.listening || aborted));
      });
    `;
    expect(await runOk('node', ['--no-warnings', '--input-type=module', '--eval', script], { cwd: user })).toBe(
      'false\n',
    );
  });

  test('brings its types, for import and for require', async () => {
    writeFileSync(
      join(user, 'import.mts'),
      `import { createServer } from 'node:net';
       import { type CloseReport, safeClose } from 'lingering-close';
       createServer(async (socket) => {
         const report: CloseReport = await safeClose(socket, { mode: 'linger', timeout: 1_000 });
         report.discardedBytes.toFixed();
         // @ts-expect-error: there is no such mode
         await safeClose(socket, { mode: 'slowly' });
       });
      `,
    );
    writeFileSync(
      join(user, 'require.cts'),
      `import lingeringClose = require('lingering-close');
       const seconds: number | false = lingeringClose.getLinger(3);
       // @ts-expect-error: it takes a number of seconds
       lingeringClose.setLinger(3, String(seconds));
      `,
    );
    const types = dirname(dirname(createRequire(import.meta.url).resolve('@types/node/package.json')));
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      noEmit: true,
      types: ['node'],
      typeRoots: [types],
    };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts', '*.cts'] }));
    expect(await run(tool('tsc'), ['--project', user])).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
