// The servers and the clients of the distance suite, each on its side of a network.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../../lab/children.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Starts one: `{ port, ends, stop }`. `ends()`: the reports of the lingers that are over, none but of 'ours'. */
export async function startParty(network, { server, protocol = 'http', options = {} }) {
  if (server === 'nginx') return startNginx(network, protocol, options);
  const words = network.server(['node', here('server.mjs'), server, protocol, JSON.stringify(options)]);
  const party = await startServer(words);
  return { port: party.port, ends: () => party.ask('ends'), stop: () => party.stop() };
}

/** nginx as it is: by default `lingering_time` is 30 s, and `lingering_timeout` 5 s. */
async function startNginx(network, protocol, { timeout = 30_000 }) {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-distance-'));
  const pem = here('../fixtures/localhost.pem');
  const tls = protocol === 'http' ? '' : protocol === 'https' ? ' ssl' : ' ssl http2';
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; pid nginx.pid; worker_processes 1; user root; error_log stderr notice;
events { worker_connections 1000; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 1k; lingering_time ${timeout / 1_000}s;
  server { listen 0.0.0.0:8080${tls}; ssl_certificate ${pem}; ssl_certificate_key ${pem}; location / { return 200; } }
}
`,
  );
  const [command, ...words] = network.server(['nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'stderr']);
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = once(child, 'exit');
  let said = '';
  await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      if (said.includes('start worker process ')) resolve();
    });
    gone.then(() => reject(new Error(`nginx ended: ${said}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true });
  };
  return { port: 8080, ends: async () => [], stop };
}

const PYTHON = ['raw', 'http.client'];
// Not the script of pyenv, which starts the same Python ten times as slowly.
export const python = () =>
  execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
const NODE = ['fetch', 'http.request'];

/** Whether the client reads while it sends. The others write everything first. */
export const readsWhileItSends = (client) => [...NODE, 'curl'].includes(client);

/**
 * One upload to each address, all at once.
 * @param begun called when each upload of a Python client has sent something
 * @returns `results`: 'answer', or how the upload failed. Of Python's clients also `ports`, and of 'raw' `held`:
 * whether its TCP had the whole answer.
 */
export async function upload(network, { client, protocol = 'http', port, bytes, addresses, begun = () => {} }) {
  if (PYTHON.includes(client)) {
    const words = [python(), here('uploads.py'), client, protocol, port, bytes, ...addresses];
    return json(network.client(words), begun);
  }
  if (NODE.includes(client)) {
    const scheme = protocol === 'http2' ? 'https' : protocol;
    return json(
      network.client(['node', '--no-warnings', here('uploads.mjs'), client, scheme, port, bytes, ...addresses]),
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-distance-'));
  const file = join(folder, 'body');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  const url = (address) => `${protocol === 'http' ? 'http' : 'https'}://${address}:${port}/upload`;
  const version = protocol === 'http2' ? '--http2' : '--http1.1';
  const words = {
    curl: (address) => ['curl', '-sk', version, '-H', 'Expect:', '--data-binary', `@${file}`, url(address)],
    wget: (address) => [
      ...['wget', '-q', '--no-check-certificate', '--tries=1', '--content-on-error', '-O-'],
      ...[`--post-file=${file}`, url(address)],
    ],
  }[client];
  try {
    const results = await Promise.all(
      addresses.map(async (address) => {
        const { code, output } = await run(network.client(words(address)));
        return output.length >= 100 ? 'answer' : `exit code ${code}`;
      }),
    );
    return { results };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a client that prints JSON. `begun` is called when it prints that it has begun. */
export async function json(words, begun = () => {}) {
  const { code, output } = await run(words, 'inherit', (text) => {
    if (text === 'begun\n') begun();
  });
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}`);
  return JSON.parse(output.replace('begun\n', ''));
}

async function run([command, ...words], stderr = 'ignore', heard = () => {}) {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', stderr] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    heard(output);
  });
  const [code] = await once(child, 'close');
  return { code, output };
}
