// The clients of the demo, as seen from the parent process: which are installed, and how each is run.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tieToProcess } from './children.ts';
import { uploadLines } from './upload-lines.ts';

export interface Client {
  /** For programs; does not change with the version. */
  name: string;
  /** For people; with the version. */
  title: string;
  /** Missing where the client is not installed. */
  upload?: Upload;
  /** With register-clients. Missing for what is no client of Node. */
  deferringUpload?: Upload;
}

/**
 * Uploads `count` times, one after the other. After each it calls `tell` with the status of the response ('413'), or
 * with the name of the error.
 */
type Upload = (url: string, count: number, tell: (result: string) => void) => Promise<void>;

export const UPLOAD_BYTES = 5_000_000;

/** Milliseconds for one upload, against a client that hangs: a thousand times what an upload takes. */
const TIMEOUT = 20_000;
/** Milliseconds after which a client is killed that does not keep to TIMEOUT itself. */
const SILENCE = TIMEOUT + 10_000;

export async function findClients(): Promise<Client[]> {
  return [nodeClient('fetch'), nodeClient('http.request'), ...(await Promise.all([findCurl(), findPython()]))];
}

const REGISTER_CLIENTS = ['--import', new URL('../register-clients.js', import.meta.url).href];

function nodeClient(name: string): Client {
  const file = fileURLToPath(new URL('./demo-node-client.js', import.meta.url));
  const uploadWith =
    (execArgv: string[]): Upload =>
    (url, count, tell) =>
      uploadLines(
        [process.execPath, ...execArgv, file, name, url, String(count), String(UPLOAD_BYTES), String(TIMEOUT)],
        count,
        SILENCE,
        tell,
      );
  return {
    name,
    title: `Node's ${name}`,
    upload: uploadWith([]),
    // The flags of the demo itself decide which engine serves, as for its server.
    deferringUpload: uploadWith([...process.execArgv, ...REGISTER_CLIENTS]),
  };
}

async function findPython(): Promise<Client> {
  const version = await answerOf(
    'python3',
    '-I',
    '-c',
    'import http.client, platform; print(platform.python_version())',
  );
  if (version === undefined) return { name: 'python3', title: 'python3' };
  const upload: Upload = (url, count, tell) =>
    uploadLines(
      ['python3', '-I', '-c', PYTHON, new URL(url).port, ...[count, UPLOAD_BYTES, TIMEOUT].map(String)],
      count,
      SILENCE,
      tell,
    );
  return { name: 'python3', title: `Python ${version} http.client`, upload };
}

// No traceback when the demo is interrupted, or when the parent is gone (BrokenPipeError).
const PYTHON = `
import errno, http.client, os, signal, socket, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
port, count, size, timeout = map(int, sys.argv[1:])
body = bytes(size)
for _ in range(count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout / 1000)
    try:
        connection.request("POST", "/", body)
        response = connection.getresponse()
        response.read()
        result = response.status
    except socket.timeout:
        result = "timeout"
    except OSError as error:
        result = errno.errorcode.get(error.errno, type(error).__name__)
    except http.client.HTTPException as error:
        result = type(error).__name__
    finally:
        connection.close()
    try:
        print(result, flush=True)
    except BrokenPipeError:
        os._exit(1)
`;

async function findCurl(): Promise<Client> {
  const version = await answerOf('curl', '--version');
  if (version === undefined) return { name: 'curl', title: 'curl' };
  return { name: 'curl', title: version.split(' ', 2).join(' '), upload: curlUpload };
}

const curlUpload: Upload = async (url, count, tell) => {
  const body = Buffer.alloc(UPLOAD_BYTES);
  for (let i = 0; i < count; i++) tell(await curlOnce(url, body));
};

async function curlOnce(url: string, body: Buffer): Promise<string> {
  // -q: no .curlrc. Without "Expect": curl would wait for a 100 before it sends the body, and the other clients do not.
  const options = [
    '-q',
    '-sS',
    '--noproxy',
    '*',
    '--max-time',
    String(TIMEOUT / 1000),
    '-H',
    'Expect:',
    '-w',
    '\n%{http_code}',
  ];
  const curl = tieToProcess(
    // LC_ALL: the text of an errno in curl's messages is compared below, and must be English.
    spawn('curl', [...options, '--data-binary', '@-', url], {
      env: { ...process.env, LC_ALL: 'C' },
      timeout: SILENCE,
      killSignal: 'SIGKILL',
    }),
  );
  let output = '';
  let message = '';
  curl.stdout.on('data', (chunk) => {
    output += chunk;
  });
  curl.stderr.on('data', (chunk) => {
    message += chunk;
  });
  curl.stdin.on('error', () => {}).end(body);
  const [code, signal] = await once(curl, 'close');
  if (code === 0) return output.slice(output.lastIndexOf('\n') + 1);
  if (code === 28 || signal) return 'timeout';
  if (message.includes('Broken pipe')) return 'EPIPE';
  if (message.includes('Connection reset')) return 'ECONNRESET';
  return `curl exit ${code}`;
}

/** What a program prints; `undefined` where the program is missing or does not work. */
async function answerOf(command: string, ...args: string[]): Promise<string | undefined> {
  const answer = promisify(execFile)(command, args, { timeout: SILENCE });
  tieToProcess(answer.child);
  try {
    return (await answer).stdout.trim();
  } catch {
    return undefined;
  }
}
