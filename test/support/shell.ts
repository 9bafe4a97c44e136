// A pipeline of bash with a fixture in it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { node } from './project.ts';

export interface ShellResult {
  /** The lines of standard output. */
  lines: string[];
  stderr: string;
}

/** Runs a script, whose stdin stays open and empty. In it `$tool` is the fixture, in Node.js with `flags`. */
export async function bash(script: string, fixture: string, flags: string[] = []): Promise<ShellResult> {
  const file = fileURLToPath(new URL(`../fixtures/${fixture}.mjs`, import.meta.url));
  const tool = [node, ...flags, file].map((word) => `'${word}'`).join(' ');
  const text = script.replaceAll('$tool', () => tool);
  const { NODE_OPTIONS, ...env } = process.env;
  const child = spawn('bash', ['-c', text], { stdio: 'pipe', env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  await once(child, 'close');
  return { lines: stdout.split('\n').slice(0, -1), stderr };
}
