// The clients of the clients' suite, none of them ours: where each comes from, and how to run it.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOk } from './run.ts';

export interface Client {
  name: string;
  /** Missing if the client is not installed. */
  version: string | undefined;
  /** How the client marks the end of the body, and the name of that in the table. */
  framings: Record<string, string>;
  /** Combinations that this client cannot do. */
  lacks?: string;
  /** By route and framing: the error that some uploads to plain Node get on every machine. */
  loses?: Record<string, string>;
  /** Runs once, before the first upload. */
  build?(folder: string): Promise<unknown>;
  /** A program that takes the URL, the number of uploads and the framing, and prints one line for each upload. */
  program(folder: string): string[];
  /** More arguments, placed after those. */
  options?: string[];
}

const HTTP1 = { length: 'Content-Length', chunked: 'chunked' };

const file = (name: string) => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));

/** The first number in the command's version output. */
function versionOf(command: string, ...args: string[]): string | undefined {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0];
}

function nodeClient(name: string, program: string, version: string): Client {
  return { name, version, framings: HTTP1, program: () => [process.execPath, file(program)] };
}

const packageVersion = (name: string): string => createRequire(import.meta.url)(`${name}/package.json`).version;

const curlVersion = versionOf('curl', '--version');

function curl(framings: Record<string, string>, ...options: string[]): Client {
  return { name: 'curl', version: curlVersion, framings, program: () => ['sh', file('upload-curl.sh')], options };
}

// This client needs only the compiler: one file is compiled into the folder.
const javaVersion = versionOf('javac', '--version');
const TRUST = { trustStore: 'trust.p12', trustStorePassword: 'localhost' };

function java(name: string, main: string): Client {
  return {
    name,
    version: javaVersion,
    framings: HTTP1,
    build: (folder) => runOk('javac', ['-d', folder, file(`${main}.java`)]),
    program: (folder) => [
      'java',
      `-Djavax.net.ssl.trustStore=${join(folder, TRUST.trustStore)}`,
      `-Djavax.net.ssl.trustStorePassword=${TRUST.trustStorePassword}`,
      '-cp',
      folder,
      main,
    ],
  };
}

/** Java cannot read certificates from a PEM file. */
export async function makeTrustStore(folder: string, certificate: string): Promise<void> {
  if (!javaVersion) return;
  const store = ['-keystore', join(folder, TRUST.trustStore), '-storepass', TRUST.trustStorePassword];
  await runOk('keytool', ['-importcert', '-noprompt', '-alias', 'localhost', '-file', certificate, ...store]);
}

const CURL = curl(HTTP1, '--http1.1');
export const PYTHON: Client = {
  name: 'Python http.client',
  version: versionOf('python3', '--version'),
  framings: HTTP1,
  loses: { 'http length': 'EPIPE', 'http chunked': 'EPIPE' },
  program: () => ['python3', '-u', file('upload.py')],
};
const WGET: Client = {
  name: 'wget',
  version: versionOf('wget', '--version'),
  framings: { length: HTTP1.length },
  lacks: 'wget cannot upload in chunks',
  program: () => ['sh', file('upload-wget.sh')],
};
export const GO: Client = {
  name: 'Go net/http',
  version: versionOf('go', 'version'),
  framings: HTTP1,
  build: (folder) =>
    runOk('go', ['build', '-o', join(folder, 'upload-go'), file('upload.go')], {
      env: { GO111MODULE: 'off', GOFLAGS: '' },
    }),
  program: (folder) => [join(folder, 'upload-go')],
};

export const HTTP1_CLIENTS: Client[] = [
  CURL,
  WGET,
  PYTHON,
  java('Java HttpURLConnection', 'UploadUrlConnection'),
  java('Java java.net.http', 'UploadHttpClient'),
  GO,
  nodeClient('undici', 'upload-undici.mjs', packageVersion('undici')),
  nodeClient('axios', 'upload-axios.mjs', packageVersion('axios')),
  nodeClient('Node.js fetch', 'upload-fetch.mjs', process.versions.node),
  nodeClient('Node.js http.request', 'upload-http.mjs', process.versions.node),
];

export const PROXIED_CLIENTS = [CURL, PYTHON];

const HTTP2 = { length: 'Content-Length', chunked: 'no length' };
// The Python of the system, for which Debian has the package h2.
const systemPython = '/usr/bin/python3';
const H2_PYTHON: Client = {
  name: 'Python h2',
  version: versionOf(systemPython, '-c', 'import h2; print(h2.__version__)'),
  framings: HTTP2,
  program: () => [systemPython, '-u', file('upload-h2.py')],
};
const NGHTTP: Client = {
  name: 'nghttp',
  version: versionOf('nghttp', '--version'),
  framings: HTTP2,
  program: () => ['sh', file('upload-nghttp.sh')],
};
const NODE_HTTP2: Client = {
  ...nodeClient('Node.js http2', 'upload-http2.mjs', process.versions.node),
  framings: HTTP2,
};
export const HTTP2_CLIENTS: Client[] = [
  curl(HTTP2, '--http2'),
  { ...GO, framings: HTTP2 },
  H2_PYTHON,
  NGHTTP,
  NODE_HTTP2,
];
// Go's net/http speaks HTTP/2 over TLS only.
export const CLEAR_HTTP2_CLIENTS: Client[] = [curl(HTTP2, '--http2-prior-knowledge'), H2_PYTHON, NGHTTP, NODE_HTTP2];

const chromiumVersion = versionOf('chromium', '--version');

function chromium(framings: Record<string, string>): Client {
  return {
    name: 'Chromium',
    version: chromiumVersion,
    framings,
    lacks: 'a form cannot be sent in chunks',
    loses: { 'https memory': 'net::ERR_CONNECTION_RESET' },
    program: () => [process.execPath, file('upload-chromium.mjs')],
  };
}

const DISK = { disk: 'form, file from the disk' };
export const CHROMIUM = chromium(DISK);
// Made by a script of the page (as when a page shrinks a picture): it is sent faster than a file from the disk.
export const CHROMIUM_WITH_SCRIPT = chromium({ ...DISK, memory: 'form, file made by the page' });

export const nginxVersion = versionOf('nginx', '-v');
