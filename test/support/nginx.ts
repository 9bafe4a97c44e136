// nginx as a reverse proxy before a server, with its own folder and configuration.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface NginxOptions {
  /** The port of the server behind nginx. */
  upstream: number;
  /** Whether nginx reads a whole request before it passes it on. */
  buffering: 'on' | 'off';
}

export class Nginx implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  readonly #port: number;
  #process!: ChildProcess;
  #log = '';

  static async start(options: NginxOptions): Promise<Nginx> {
    const nginx = new Nginx(await freePort());
    await nginx.#start(options);
    return nginx;
  }

  private constructor(port: number) {
    this.#port = port;
  }

  async #start(options: NginxOptions): Promise<void> {
    const configuration = join(this.#folder, 'nginx.conf');
    writeFileSync(configuration, configure(this.#port, options));
    this.#process = spawn('nginx', ['-e', 'stderr', '-p', this.#folder, '-c', configuration], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await new Promise<void>((resolve, reject) => {
      this.#process.once('close', (code) => reject(new Error(`nginx ended with exit code ${code}:\n${this.#log}`)));
      this.#process.stderr?.on('data', (chunk) => {
        this.#log += chunk;
        if (this.#log.includes('start worker process ')) resolve();
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /**
   * Stops nginx. The result: lines of its error log of level "error" and worse, and status lines of its access log
   * other than 413.
   */
  async complaints(): Promise<string[]> {
    await this.#stop();
    const errors = this.#log.split('\n').filter((line) => /\[(error|crit|alert|emerg)\]/.test(line));
    const statuses = readFileSync(join(this.#folder, 'access.log'), 'utf8').trim().split('\n');
    return [...errors, ...statuses.filter((line) => line !== '413 from upstream 413')];
  }

  async #stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const closed = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true });
  }
}

// When nginx runs as root, its worker would run as the user "nobody", which cannot enter the folder.
const USER = process.getuid?.() === 0 ? 'user root;' : '';
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');

function configure(port: number, { upstream, buffering }: NginxOptions): string {
  return `
daemon off;
${USER}
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  ${TEMPORARY}
  log_format statuses '$status from upstream $upstream_status';
  access_log access.log statuses;
  client_max_body_size 0;
  upstream node {
    server 127.0.0.1:${upstream};
    keepalive 4;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering ${buffering};
    }
  }
}
`;
}

/** nginx does not report which port it took. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
