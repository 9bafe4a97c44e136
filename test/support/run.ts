// Runs a command to its end. Variables of npm and vitest are taken out of its environment: they would change the npm
// and the node of a test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname } from 'node:path';

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

export async function run(command: string, args: string[], { cwd, env = {} }: RunOptions = {}): Promise<Result> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_(package|lifecycle|command)|NODE_OPTIONS$|VITEST|LINGERING_CLOSE_PREBUILD$)/.test(name),
  );
  // `node`, and what npx starts, is the Node.js of this test.
  const path = { PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
  const child = spawn(command, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const result: Result = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    result.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    result.stderr += chunk;
  });
  [result.code] = await once(child, 'close');
  return result;
}

/** The standard output of a command. It throws, with all the output, unless the command exits with 0. */
export async function runOk(command: string, args: string[], options?: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with exit code ${code}:\n${stdout}${stderr}`);
  return stdout;
}
