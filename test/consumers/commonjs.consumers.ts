// The package where modules are CommonJS: jest as it is by default, Node.js versions that cannot require() a module,
// single executables; and what tracers find.
import { cpSync } from 'node:fs';
import { expect, test } from 'vitest';
import { APPLICATION, Consumer, tool } from './support/consumer.ts';

const CLOSED = { engine: 'native', outcome: 'eof', received: 'answer' };

test('Node.js 22.0 requires it', async () => {
  using consumer = await new Consumer().unpack();
  consumer.write(
    'main.cjs',
    `const all = require('lingering-close');
     require('lingering-close/register');
     const { version } = process;
     console.log(JSON.stringify({ version, engine: all.engine, names: Object.keys(all).length > 10 }));`,
  );
  const { code, stdout, stderr } = await consumer.run(tool('node-22.0/bin/node'), ['main.cjs']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({ version: 'v22.0.0', engine: 'native', names: true });
});

test('jest runs tests of it, one file after another in one process', async () => {
  using consumer = await new Consumer().unpack();
  const suite = `
    const net = require('node:net');
    const { engine, lingerOnClose, safeClose } = require('lingering-close');
    test('closes', async () => {
      expect(engine).toBe('native');
      const server = net.createServer();
      lingerOnClose(server);
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      const client = net.connect(server.address().port, '127.0.0.1').resume();
      const socket = await new Promise((resolve) => server.once('connection', resolve));
      client.write('unread');
      expect((await safeClose(socket)).outcome).toBe('eof');
      await new Promise((resolve) => server.close(resolve));
    });`;
  for (const name of ['first', 'second']) consumer.write(`${name}.test.js`, suite);
  const { code, all } = await consumer.node([tool('jest/bin/jest.js'), '--runInBand', '--no-cache']);
  expect(all).toContain('2 passed, 2 total');
  expect(all).not.toMatch(/Warning|did not exit/);
  expect(code).toBe(0);
});

test('a single executable loads the addon from beside it, and says so where there is none', async () => {
  using consumer = await new Consumer().unpack();
  consumer.copy(APPLICATION, 'application.mjs');
  consumer.write(
    'build.mjs',
    `import { build } from ${JSON.stringify(tool('esbuild/lib/main.js'))};
     await build({ entryPoints: ['application.mjs'], bundle: true, platform: 'node', format: 'cjs',
       outfile: 'app.cjs' });`,
  );
  consumer.write('sea.json', '{ "main": "app.cjs", "output": "app.blob", "disableExperimentalSEAWarning": true }');
  cpSync(process.execPath, consumer.path('app'));
  const inject = `
    const { inject } = require(${JSON.stringify(tool('postject/dist/api.js'))});
    inject('app', 'NODE_SEA_BLOB', require('node:fs').readFileSync('app.blob'),
      { sentinelFuse: 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2' });`;
  for (const args of [['build.mjs'], ['--experimental-sea-config', 'sea.json'], ['--eval', inject]]) {
    const made = await consumer.node(args);
    expect(made.code, made.all).toBe(0);
  }
  consumer.copy(consumer.path('node_modules/lingering-close/prebuilds'), 'kept');
  const file = consumer.path('app');

  const without = await consumer.run(file, []);
  expect(JSON.parse(without.stdout)).toEqual({ ...CLOSED, engine: 'streams' });
  const warnings = without.stderr.match(/^.*Warning:.*$/gm) ?? [];
  expect(warnings).toHaveLength(1);
  const [, from = '', to = ''] = /copy prebuilds(\S+) of the package to (\S+)$/.exec(warnings[0] as string) ?? [];
  expect(to).toBe(consumer.path('lingering-close.node'));
  cpSync(consumer.path('kept', from), to);
  const { code, stdout, stderr } = await consumer.run(file, []);
  expect({ code, stderr, ...JSON.parse(stdout) }).toEqual({ code: 0, stderr: '', ...CLOSED });
});

test.each(['index.js', 'index.cjs', 'register.js', 'register.cjs'])(
  '@vercel/nft finds the addon by %s',
  async (entry) => {
    using consumer = await new Consumer().unpack();
    consumer.write(
      'trace.mjs',
      `import { nodeFileTrace } from ${JSON.stringify(tool('@vercel/nft/out/index.js'))};
     const { fileList, warnings } = await nodeFileTrace(['node_modules/lingering-close/dist/${entry}']);
     console.log(JSON.stringify({ files: [...fileList], warnings: [...warnings].map(String) }));`,
    );
    const { stdout } = await consumer.node(['trace.mjs']);
    const { files, warnings } = JSON.parse(stdout);
    expect(warnings).toEqual([]);
    for (const target of ['linux-x64', 'linux-arm64']) {
      expect(files).toContain(`node_modules/lingering-close/prebuilds/${target}/lingering-close.node`);
    }
  },
);

test('`lingering-close build` names what is missing where there is no compiler, and changes nothing', async () => {
  using consumer = await new Consumer().unpack();
  const main = 'node_modules/lingering-close/dist/cli/main.js';
  const { code, stdout, stderr } = await consumer.node([main, 'build']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^lingering-close: the addon is not built: npm could not fetch node-addon-api@\S+ and node-gyp@/,
  );
});
