// A project of a user: an empty folder, into which the package is installed from its tarball.
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { root } from '../../support/project.ts';
import { type Result, runOk } from '../../support/run.ts';

export const tools = join(root, 'test/consumers/node_modules');
export const APPLICATION = join(root, 'test/consumers/application.mjs');

/** A file of a tool. The job fails where it is missing, in CI as elsewhere: what is fetched is pinned. */
export const tool = (path: string) => join(tools, path);

export class Consumer implements Disposable {
  readonly folder: string;
  /** Of caches and settings: none from outside, and none left behind. */
  readonly home: string;
  readonly #parent: string;

  constructor() {
    this.#parent = mkdtempSync(join(tmpdir(), 'lingering-close-consumer-'));
    this.folder = join(this.#parent, 'project');
    this.home = join(this.#parent, 'home');
    for (const folder of [this.folder, this.home]) mkdirSync(folder);
    const manifest = { name: 'consumer', version: '1.0.0', private: true, license: 'MIT' };
    this.write('package.json', `${JSON.stringify(manifest)}\n`);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, text: string): string {
    const file = this.path(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** As `npm install` leaves it, without an installer. */
  async unpack(): Promise<this> {
    const to = this.path('node_modules/lingering-close');
    mkdirSync(to, { recursive: true });
    await runOk('tar', ['--extract', '--file', inject('tarball'), '--directory', to, '--strip-components=1']);
    return this;
  }

  copy(from: string, name: string): void {
    cpSync(from, this.path(name), { recursive: true });
  }

  link(from: string, name: string): void {
    if (existsSync(this.path(name))) return;
    mkdirSync(dirname(this.path(name)), { recursive: true });
    symlinkSync(from, this.path(name));
  }

  /**
   * A command in the folder, where there is no compiler, no shell, no `npm`: `node` is all that is on PATH. No registry
   * can be reached by it.
   */
  async run(command: string, args: string[], env: Record<string, string> = {}): Promise<Result & { all: string }> {
    const options: SpawnOptions = {
      cwd: this.folder,
      env: {
        PATH: inject('bin'),
        HOME: this.home,
        TMPDIR: this.#parent,
        XDG_CACHE_HOME: join(this.home, 'cache'),
        CI: 'true',
        NO_COLOR: '1',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 100_000,
    };
    const child = spawn(command, args, options);
    const result = { code: null as number | null, stdout: '', stderr: '', all: '' };
    child.stdout?.on('data', (chunk) => {
      result.stdout += chunk;
      result.all += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      result.stderr += chunk;
      result.all += chunk;
    });
    [result.code] = await once(child, 'close');
    return result;
  }

  node(args: string[], env?: Record<string, string>) {
    return this.run(process.execPath, args, env);
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true, force: true });
  }
}
