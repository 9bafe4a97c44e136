// Installs the tarball by each package manager, in an empty folder, and runs an application on it.
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, inject, test } from 'vitest';
import { Consumer, tool } from './support/consumer.ts';

interface Manager {
  name: string;
  /** The Node.js that runs it, where it is not ours. */
  node?: string;
  /** A script for Node.js, or a program. */
  cli: string;
  args: (tarball: string) => string[];
  env?: Record<string, string>;
  /** In front of the application's file. */
  run?: string[];
}

// Nothing has to be fetched, since the package has no dependency: an address where nothing listens shows it.
const NOWHERE = 'http://127.0.0.1:9/';

const npm = (name: string, node?: string): Manager => ({
  name: name.replace('-', ' '),
  ...(node && { node }),
  cli: `${name}/bin/npm-cli.js`,
  args: (tarball) => ['install', tarball, '--no-audit', '--no-fund'],
  env: { npm_config_registry: NOWHERE, npm_config_update_notifier: 'false' },
});
const pnpm = (name: string, cli = `${name}/bin/pnpm.cjs`): Manager => ({
  name: name.replace('-', ' '),
  cli,
  args: (tarball) => ['add', tarball],
  env: { npm_config_registry: NOWHERE, npm_config_update_notifier: 'false' },
});
const berry = (name: string, linker: 'node-modules' | 'pnp'): Manager => ({
  name: `${name.replace('-', ' ')}, ${linker}`,
  cli: `${name}/bin/yarn.js`,
  args: (tarball) => ['add', `lingering-close@file:${tarball}`],
  env: {
    YARN_NODE_LINKER: linker,
    YARN_ENABLE_TELEMETRY: '0',
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    YARN_NPM_REGISTRY_SERVER: NOWHERE,
  },
  ...(linker === 'pnp' && { run: ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs', '--no-warnings'] }),
});

const MANAGERS: Manager[] = [
  npm('npm-10'),
  npm('npm-11'),
  npm('npm-12', 'node-24/bin/node'),
  {
    name: 'yarn 1',
    cli: 'yarn-1/bin/yarn.js',
    args: (tarball) => ['add', `file:${tarball}`, '--non-interactive'],
    env: { YARN_REGISTRY: NOWHERE },
  },
  ...['yarn-3.8', 'yarn-4.6', 'yarn-newest'].flatMap((name) => [berry(name, 'node-modules'), berry(name, 'pnp')]),
  pnpm('pnpm-8'),
  pnpm('pnpm-9'),
  pnpm('pnpm-10'),
  pnpm('pnpm-newest', '@pnpm/exe.linux-x64/pnpm'),
];

// Of yarn, about itself: it says so for each ES module that it links by PnP.
const OF_YARN = /^.*(experimental loader API|YN0000: .*Done with warnings).*$/gm;
/** What an installation says where something is wrong, or is about to be compiled. */
const COMPLAINT = /^.*(\bwarn|\berr(or)?\b|gyp|build script|postinstall|deprecat).*$/gim;

describe.each(MANAGERS)('$name', ({ node, cli, args, env, run = [] }) => {
  test('installs without a complaint, and the application runs on the addon', async () => {
    using consumer = new Consumer();
    if (cli.startsWith('yarn')) consumer.write('yarn.lock', '');
    const [command, ...rest] = /js$/.test(cli) ? [node ? tool(node) : process.execPath, tool(cli)] : [tool(cli)];
    const installed = await consumer.run(command as string, [...rest, ...args(inject('tarball'))], env);
    const { all } = installed;
    const said = /experimental loader API/.test(all) ? all.replaceAll(OF_YARN, '') : all;
    expect(said.match(COMPLAINT) ?? []).toEqual([]);
    expect(installed.code, installed.all).toBe(0);
    const folder = consumer.path('node_modules/lingering-close');
    if (existsSync(folder)) expect(readdirSync(folder)).not.toContain('build');
    consumer.copy(new URL('./application.mjs', import.meta.url).pathname, 'application.mjs');
    const { code, stdout, stderr } = await consumer.node([...run, 'application.mjs']);
    expect({ code, stderr, ...(stdout && JSON.parse(stdout)) }).toEqual({
      code: 0,
      stderr: '',
      engine: 'native',
      outcome: 'eof',
      received: 'answer',
    });
  });
});
