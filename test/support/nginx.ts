// nginx as a reverse proxy before a server, or as a server of HTTP/2, with its own folder and configuration.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ProxyOptions {
  /** The port of the server behind nginx. */
  upstream: number;
  /** Whether nginx reads a whole request before it passes it on. */
  buffering: 'on' | 'off';
}

/** A server of HTTP/2 that answers like test/fixtures/clients/clients-server.mjs. */
export interface Http2Options {
  http2: 'clear' | 'tls';
}

export type NginxOptions = ProxyOptions | Http2Options;

export class Nginx implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  readonly #port: number;
  #scheme = 'http';
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
    if ('http2' in options && options.http2 === 'tls') this.#scheme = 'https';
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
    return `${this.#scheme}://127.0.0.1:${this.#port}/`;
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

function configure(port: number, options: NginxOptions): string {
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
  ${'http2' in options ? serveHttp2(port, options) : passOn(port, options)}
}
`;
}

function passOn(port: number, { upstream, buffering }: ProxyOptions): string {
  return `
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
  }`;
}

const PEM = fileURLToPath(new URL('../fixtures/localhost.pem', import.meta.url));
const PAGE = '<!doctype html><title>413 Content Too Large</title><h1>413 Content Too Large</h1>';
const FORM = '<form method=post enctype=multipart/form-data><input type=file name=file><button>Upload</button></form>';

function serveHttp2(port: number, { http2 }: Http2Options): string {
  return `
  server {
    listen 127.0.0.1:${port} ${http2 === 'tls' ? 'ssl ' : ''}http2;
    ${http2 === 'tls' ? `ssl_certificate ${PEM}; ssl_certificate_key ${PEM};` : ''}
    default_type text/html;
    location / {
      if ($request_method = GET) { return 200 "${FORM}"; }
      return 413 "${PAGE.padEnd(1_000)}";
    }
  }`;
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
