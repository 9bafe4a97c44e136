// Bundlers make one file of an application and of the package. Bundled in, the package closes by streams and says what
// to do, unless the bundler copies the addon as well. Left external, it is as without a bundler.
import { existsSync, renameSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { APPLICATION, Consumer, tool } from './support/consumer.ts';

interface Bundler {
  name: string;
  /** The Node.js that runs it, where it is not ours. */
  node?: string;
  /** A module that makes `out` of application.mjs. It finds `EXTERNAL`, the names that are not to be bundled. */
  script: string;
  out: string;
  /** It copies the addon, whose path it finds in the source. */
  copiesAddon?: boolean;
}

const load = (path: string) => JSON.stringify(tool(path));

const esbuild = (format: string, out: string): Bundler => ({
  name: `esbuild, ${format}`,
  script: `
    import { build } from ${load('esbuild/lib/main.js')};
    await build({ entryPoints: ['application.mjs'], bundle: true, platform: 'node', format: '${format}',
      outfile: '${out}', external: EXTERNAL, logLevel: 'warning' });`,
  out,
});
const webpack = (format: string, out: string): Bundler => ({
  name: `webpack, ${format}`,
  script: `
    import webpack from ${load('webpack/lib/index.js')};
    const module = ${format === 'esm'};
    const compiler = webpack({ mode: 'production', target: 'node', entry: './application.mjs',
      experiments: { outputModule: module },
      output: { path: process.cwd() + '/dist', filename: '${basename(out)}', module },
      externalsType: module ? 'module' : 'commonjs', externals: EXTERNAL });
    const stats = await new Promise((resolve, reject) => compiler.run((e, s) => (e ? reject(e) : resolve(s))));
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());`,
  out,
  copiesAddon: true,
});
const tsup = (format: string, out: string): Bundler => ({
  name: `tsup, ${format}`,
  node: 'node-24/bin/node',
  script: `
    import { build } from ${load('tsup/dist/index.js')};
    await build({ entry: { app: 'application.mjs' }, format: ['${format}'], outDir: 'dist', config: false, silent: true,
      external: EXTERNAL, noExternal: EXTERNAL.length ? [] : [/.*/] });`,
  out,
});

const BUNDLERS: Bundler[] = [
  esbuild('esm', 'dist/app.mjs'),
  esbuild('cjs', 'dist/app.cjs'),
  {
    name: 'rollup',
    script: `
      import { rollup } from ${load('rollup/dist/es/rollup.js')};
      import { nodeResolve } from ${load('@rollup/plugin-node-resolve/dist/es/index.js')};
      const bundle = await rollup({ input: 'application.mjs', external: EXTERNAL,
        plugins: [nodeResolve({ preferBuiltins: true, exportConditions: ['node'] })],
        onwarn(warning) { throw new Error(warning.message); } });
      await bundle.write({ file: 'dist/app.mjs', format: 'es' });`,
    out: 'dist/app.mjs',
  },
  {
    name: 'rolldown',
    script: `
      import { rolldown } from ${load('rolldown/dist/index.mjs')};
      const bundle = await rolldown({ input: 'application.mjs', platform: 'node', external: EXTERNAL });
      await bundle.write({ file: 'dist/app.mjs', format: 'esm' });`,
    out: 'dist/app.mjs',
  },
  webpack('cjs', 'dist/app.cjs'),
  webpack('esm', 'dist/app.mjs'),
  {
    name: 'ncc',
    script: `
      import { mkdirSync, writeFileSync } from 'node:fs';
      import { dirname } from 'node:path';
      import ncc from ${load('@vercel/ncc/dist/ncc/index.js')};
      const { code, assets } = await ncc(process.cwd() + '/application.mjs', { externals: EXTERNAL, quiet: true });
      const files = { 'app.mjs': code, ...Object.fromEntries(Object.entries(assets).map(([k, v]) => [k, v.source])) };
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname('dist/' + name), { recursive: true });
        writeFileSync('dist/' + name, content);
      }`,
    // It copies something under the addon's name, which is not the addon.
    out: 'dist/app.mjs',
  },
  {
    name: 'vite, ssr',
    script: `
      import { build } from ${load('vite/dist/node/index.js')};
      await build({ configFile: false, logLevel: 'warn',
        ssr: { noExternal: EXTERNAL.length ? [] : true, external: EXTERNAL },
        build: { ssr: 'application.mjs', rollupOptions: { output: { entryFileNames: 'app.mjs' } } } });`,
    out: 'dist/app.mjs',
  },
  tsup('cjs', 'dist/app.js'),
  tsup('esm', 'dist/app.mjs'),
];

const CLOSED = { outcome: 'eof', received: 'answer' };

describe.each(BUNDLERS)('$name', ({ node, script, out, copiesAddon }) => {
  async function bundle(consumer: Consumer, external: string[]): Promise<void> {
    await consumer.unpack();
    consumer.copy(APPLICATION, 'application.mjs');
    consumer.write('build.mjs', `const EXTERNAL = ${JSON.stringify(external)};\n${script}`);
    const made = await consumer.run(node ? tool(node) : process.execPath, ['build.mjs']);
    expect(made.code, made.all).toBe(0);
  }

  async function start(consumer: Consumer, file: string) {
    const { code, stdout, stderr } = await consumer.node([file]);
    expect(code, stderr).toBe(0);
    return { ...JSON.parse(stdout), warnings: stderr.match(/^.*Warning:.*$/gm) ?? [] };
  }

  test('bundled: it closes, and says what to do where the addon was not copied', async () => {
    using consumer = new Consumer();
    await bundle(consumer, []);
    // Away from what was bundled, as where it is deployed.
    const deployed = consumer.path('somewhere/else');
    await mkdir(deployed, { recursive: true });
    renameSync(consumer.path('dist'), join(deployed, 'dist'));
    const kept = consumer.path('kept');
    renameSync(consumer.path('node_modules/lingering-close'), kept);
    const app = join(deployed, out);

    const { warnings, ...said } = await start(consumer, app);
    if (copiesAddon) {
      expect({ warnings, ...said }).toEqual({ ...CLOSED, engine: 'native', warnings: [] });
      return;
    }
    expect(said).toEqual({ ...CLOSED, engine: 'streams' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('Leave lingering-close external');
    const [, from, to] = /copy (\S+) of the package to (\S+)$/.exec(warnings[0]) ?? [];
    expect(dirname(to as string)).toBe(dirname(app));
    expect(existsSync(to as string)).toBe(false);
    await copyFile(join(kept, from as string), to as string);
    expect(await start(consumer, app)).toEqual({ ...CLOSED, engine: 'native', warnings: [] });
  });

  test('external: it runs on the addon', async () => {
    using consumer = new Consumer();
    await bundle(consumer, ['lingering-close']);
    expect(await start(consumer, out)).toEqual({ ...CLOSED, engine: 'native', warnings: [] });
  });
});
