// Which file is taken for the addon, and what is said where there is none. Nothing that is wrong there is an error at
// import, or kills the process.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addonFile } from '../../src/system/addon.ts';
import { PREBUILT_SKIPPED, platform, prebuilds, prebuilt, root } from '../support/project.ts';
import { run } from '../support/run.ts';

let folder: string;
/** The package in one file, as a bundler makes it. */
let bundle: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  bundle = join(folder, 'bundle.mjs');
  const build = await rolldown({ input: join(root, 'dist/index.js'), platform: 'node' });
  await build.write({ file: bundle, format: 'esm', codeSplitting: false });
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A copy of the package with the prebuilt binary, and nothing in build/. */
function installed(): string {
  const copy = mkdtempSync(join(folder, 'installed-'));
  for (const part of ['package.json', 'dist']) cpSync(join(root, part), join(copy, part), { recursive: true });
  cpSync(prebuilds, join(copy, 'prebuilds', platform), { recursive: true });
  return copy;
}

const prebuiltOf = (copy: string) => join(copy, 'prebuilds', platform, 'lingering-close.node');
const builtOf = (copy: string) => join(copy, 'build/Release/lingering_close.node');

function put(content: Buffer | string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, content);
}

const ours = () => readFileSync(prebuiltOf(root));
/** The addon of another package, which this Node.js loads. */
const foreign = () => {
  const koffi = dirname(createRequire(import.meta.url).resolve('koffi'));
  return readFileSync(join(koffi, `../@koromix/koffi-${platform}/${platform.replace('-', '_')}/koffi.node`));
};

interface LoadOptions {
  env?: Record<string, string>;
  /** Code in front of the import. */
  prepare?: string;
}

interface Said {
  engine: string;
  /** Addons that the process has mapped. */
  mapped: string[];
  warnings: string[];
}

/** What an application sees: the engine, the addons in /proc, and the warnings. `specifier`: an expression. */
async function load(specifier: string, { env = {}, prepare = '' }: LoadOptions = {}): Promise<Said> {
  const script = `
    import { readFileSync } from 'node:fs';
    import net from 'node:net';
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push(code + ': ' + message));
    ${prepare};
    const { engine, safeClose } = await import(${specifier});
    const mapped = new Set(readFileSync('/proc/self/maps', 'utf8').match(/\\S+\\.node$/gm));
    const { outcome } = await safeClose(new net.Socket());
    if (outcome !== 'closed') throw new Error(outcome);
    setImmediate(() => console.log(JSON.stringify({ engine, mapped: [...mapped], warnings })));`;
  const { code, stdout, stderr } = await run(
    process.execPath,
    ['--disable-warning=LINGERING_CLOSE_FALLBACK', '--input-type=module', '--eval', script],
    { cwd: folder, env },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const index = (copy: string) => JSON.stringify(join(copy, 'dist/index.js'));

test('the suite itself runs on a file of the project', () => {
  expect(addonFile?.startsWith(root)).toBe(true);
});

describe.skipIf(!prebuilt)(`an installed package${PREBUILT_SKIPPED}`, () => {
  const native = (file: string) => ({ engine: 'native', mapped: [file], warnings: [] });

  test('loads the prebuilt binary; what was built from source comes before it', async () => {
    const copy = installed();
    expect(await load(index(copy))).toEqual(native(prebuiltOf(copy)));
    put(ours(), builtOf(copy));
    expect(await load(index(copy))).toEqual(native(builtOf(copy)));
  });

  test('does not load an addon of another name', async () => {
    const copy = installed();
    put(foreign(), join(copy, 'build/Release/other.node'));
    expect(await load(index(copy))).toEqual(native(prebuiltOf(copy)));
  });

  test.each<[what: string, make: () => Buffer | string]>([
    ["another's addon", foreign],
    ['an addon of another version', () => ours().toString('latin1').replace('lingeringClose\0', 'lingeringClosE\0')],
    ['no shared object', () => 'no shared object'],
    ['an empty file', () => ''],
    ['half of a file', () => ours().subarray(0, ours().length / 2)],
  ])('passes over %s in build/Release', async (_, make) => {
    const copy = installed();
    const content = make();
    put(typeof content === 'string' ? Buffer.from(content, 'latin1') : content, builtOf(copy));
    const said = await load(index(copy));
    expect(said).toMatchObject({ engine: 'native', warnings: [] });
    expect(said.mapped).toContain(prebuiltOf(copy));
  });

  test.each([0.02, 0.25, 0.5, 0.75, 0.9, 0.999])('lives where %f of the binary is all there is', async (part) => {
    const copy = installed();
    truncateSync(prebuiltOf(copy), Math.floor(ours().length * part));
    const { engine, warnings } = await load(index(copy));
    expect(engine).toBe('streams');
    expect(warnings).toEqual([
      expect.stringMatching(/(is cut off|file too short|cannot read file data)\. .*npx lingering-close build$/),
    ]);
  });

  test('says that the binary is missing, and how to get it', async () => {
    const copy = installed();
    rmSync(join(copy, 'prebuilds'), { recursive: true });
    expect(await load(index(copy))).toEqual({
      engine: 'streams',
      mapped: [],
      warnings: [
        'LINGERING_CLOSE_FALLBACK: safeClose() falls back to its streams engine, for the addon is not available: ' +
          `${prebuiltOf(copy)} is missing. Install lingering-close anew, with all of its files, or ` +
          'build it: npx lingering-close build',
      ],
    });
  });

  test('says that there is no binary for a platform that has none', async () => {
    const prepare = `Object.defineProperty(process, 'arch', { value: 'riscv64' })`;
    const { warnings } = await load(index(installed()), { prepare });
    expect(warnings).toEqual([
      expect.stringMatching(
        /there is no binary for linux-riscv64 in the package\. To have it, build it: npx lingering-close build$/,
      ),
    ]);
  });

  test.each([
    ['globalThis.__filename = "/somewhere/else.js"'],
    ['globalThis.__filename = "[eval]"'],
    ['globalThis.__filename = 1'],
    ['delete process.versions'],
    ['process.env = {}'],
    ['delete process.emitWarning'],
    ['globalThis.Deno = {}'],
  ])('loads its addon, or goes without it, under %s', async (prepare) => {
    const copy = installed();
    const { engine, mapped } = await load(index(copy), { prepare });
    expect(mapped).toEqual(engine === 'native' ? [prebuiltOf(copy)] : []);
    if (prepare.startsWith('globalThis')) expect(engine).toBe('native');
  });

  test.each([
    [`Object.defineProperty(process, 'platform', { value: undefined })`],
    [`process.emitWarning = () => { throw new Error('no warnings'); }`],
  ])('is imported without its addon under %s', async (prepare) => {
    const copy = installed();
    rmSync(join(copy, 'prebuilds'), { recursive: true });
    expect(await load(index(copy), { prepare })).toEqual({ engine: 'streams', mapped: [], warnings: [] });
  });

  test('is imported without its addon where process.versions throws', async () => {
    const copy = installed();
    rmSync(join(copy, 'prebuilds'), { recursive: true });
    const prepare = `Object.defineProperty(process, 'versions', { get() { throw new Error('no versions'); } })`;
    expect((await load(index(copy), { prepare })).engine).toBe('streams');
  });

  test('warns once where it is there as ES modules and as CommonJS', async () => {
    const copy = installed();
    rmSync(join(copy, 'prebuilds'), { recursive: true });
    const prepare = `(await import('node:module')).createRequire('/')(${JSON.stringify(join(copy, 'dist/index.cjs'))})`;
    expect((await load(index(copy), { prepare })).warnings).toHaveLength(1);
  });
});

describe.skipIf(!prebuilt)(`in one file with the application${PREBUILT_SKIPPED}`, () => {
  test('it is imported by a data: URL, which is no file', async () => {
    const wrapped = `'data:text/javascript;base64,' + readFileSync(${JSON.stringify(bundle)}, 'base64')`;
    const { engine, warnings } = await load(wrapped);
    expect(engine).toBe('streams');
    expect(warnings).toEqual([
      expect.stringMatching(
        /Leave lingering-close external when bundling, or name its file in LINGERING_CLOSE_PREBUILD$/,
      ),
    ]);
    const env = { LINGERING_CLOSE_PREBUILD: prebuiltOf(root) };
    expect(await load(wrapped, { env })).toEqual({ engine: 'native', mapped: [prebuiltOf(root)], warnings: [] });
  });

  test("an application's own build/Release is not taken for ours", async () => {
    const file = join(folder, 'application/dist/app.mjs');
    put(readFileSync(bundle), file);
    put(foreign(), join(folder, 'application/build/Release/app.node'));
    put(foreign(), join(folder, 'build/Release/lingering_close.node'));
    const { engine, warnings } = await load(JSON.stringify(file));
    expect(engine).toBe('streams');
    expect(warnings).toEqual([
      expect.stringContaining(`copy prebuilds/${platform}/lingering-close.node of the package to`),
    ]);
  });
});

describe.skipIf(!prebuilt)(`LINGERING_CLOSE_PREBUILD${PREBUILT_SKIPPED}`, () => {
  test.each([
    ['a file', (copy: string) => prebuiltOf(copy)],
    ['a folder of files by platform', (copy: string) => join(copy, 'prebuilds')],
  ])('names %s', async (_, name) => {
    const [copy, other] = [installed(), installed()];
    const env = { LINGERING_CLOSE_PREBUILD: name(other) };
    expect(await load(index(copy), { env })).toEqual({ engine: 'native', mapped: [prebuiltOf(other)], warnings: [] });
  });

  test('where it names nothing, no other file is loaded', async () => {
    const env = { LINGERING_CLOSE_PREBUILD: join(folder, 'nowhere') };
    const { engine, mapped, warnings } = await load(index(installed()), { env });
    expect({ engine, mapped }).toEqual({ engine: 'streams', mapped: [] });
    expect(warnings).toEqual([expect.stringMatching(/nowhere\/\S+ is not there\. LINGERING_CLOSE_PREBUILD names it$/)]);
  });
});

test('both sides have one number for the contract between them', () => {
  const number = (file: string, pattern: RegExp) => pattern.exec(readFileSync(join(root, file), 'utf8'))?.[1];
  const native = number('src-native/exports.h', /kContract = (\d+);/);
  expect(native).toMatch(/^\d+$/);
  expect(number('src/system/load-addon.ts', /const CONTRACT = (\d+);/)).toBe(native);
});
