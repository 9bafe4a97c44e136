// The declarations of the package in TypeScript 5.0 to 7, with `skipLibCheck: false`: what an application may import
// compiles, and what it may not is an error.
import { describe, expect, test } from 'vitest';
import { Consumer, tool } from './support/consumer.ts';

const USE = `
import { createServer } from 'node:net';
import { type CloseReport, closeServer, lingerOnClose, safeClose, SocketError } from 'lingering-close';
import 'lingering-close/register';

const server = createServer(async (socket) => {
  const report: CloseReport = await safeClose(socket, { mode: 'linger', timeout: 1_000 });
  const error: SocketError | undefined = report.error;
  report.discardedBytes.toFixed(error?.errno);
  // @ts-expect-error: there is no such mode
  await safeClose(socket, { mode: 'slowly' });
});
lingerOnClose(server).disable();
closeServer(server).then(({ cut }) => cut.toFixed());
`;
const USING = `
import { createServer } from 'node:net';
import { lingerOnClose } from 'lingering-close';
{
  using lingering = lingerOnClose(createServer());
  lingering.active.toFixed();
}
`;

/** Each TypeScript with the types of Node.js that it can read, the oldest and the newest of them. */
const VERSIONS: [typescript: string, types: string[]][] = [
  ['5.0', ['20.0']],
  ['5.9', ['20']],
  ['6', ['26']],
  ['7', ['20', '26']],
];

interface Mode {
  module: string;
  moduleResolution: string;
  files: string[];
}

const MODES: Mode[] = [
  { module: 'nodenext', moduleResolution: 'nodenext', files: ['use.mts', 'use.cts'] },
  { module: 'node16', moduleResolution: 'node16', files: ['use.mts', 'use.cts'] },
  { module: 'esnext', moduleResolution: 'bundler', files: ['use.ts'] },
  { module: 'commonjs', moduleResolution: 'node10', files: ['use.ts'] },
];

const runs = VERSIONS.flatMap(([typescript, types]) =>
  types.map((version, index) => ({
    typescript,
    version,
    // TypeScript 7 has no node10. With other types of Node.js, one mode is enough.
    modes: MODES.filter(({ moduleResolution }) => moduleResolution !== 'node10' || typescript !== '7').slice(
      0,
      index === types.length - 1 ? MODES.length : 1,
    ),
  })),
);

describe.each(runs)('TypeScript $typescript, @types/node $version', ({ typescript, version, modes }) => {
  async function compile(consumer: Consumer, { module, moduleResolution, files }: Mode, target: string) {
    const compilerOptions = {
      module,
      moduleResolution,
      target,
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
      types: ['node'],
      ...(typescript === '6' && { ignoreDeprecations: '6.0' }),
    };
    consumer.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
    const { code, all } = await consumer.node([tool(`typescript-${typescript}/bin/tsc`), '--project', '.']);
    return { code, all };
  }

  async function project(): Promise<Consumer> {
    const consumer = await new Consumer().unpack();
    // Copied: by a link, other packages would be looked for where the tools are.
    consumer.copy(tool(`@types/node-${version}`), 'node_modules/@types/node');
    consumer.copy(tool('undici-types'), 'node_modules/undici-types');
    return consumer;
  }

  test.each(modes)('$moduleResolution', async (mode) => {
    using consumer = await project();
    for (const name of ['use.ts', 'use.mts', 'use.cts']) consumer.write(name, USE);
    // Older than Disposable, as many an application's.
    expect(await compile(consumer, mode, 'es2020')).toEqual({ code: 0, all: '' });
  });

  test.runIf(typescript === '5.9' || version === '26')('with `using`', async () => {
    using consumer = await project();
    consumer.write('use.mts', USING);
    const mode = { module: 'nodenext', moduleResolution: 'nodenext', files: ['use.mts'] };
    expect(await compile(consumer, mode, 'esnext')).toEqual({ code: 0, all: '' });
  });
});
