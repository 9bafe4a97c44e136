// The clients of the demo as seen from the parent: which are there, and how each is run.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tieToProcess } from './children.ts';
import { uploadLines } from './upload-lines.ts';

export interface Client {
  /** Fixed: for programs. */
  name: string;
  /** With its version: for people. */
  title: string;
  /** Missing where the client is not installed. */
  upload?: Upload;
}

/** Uploads `count` times, one after the other, and tells of each: the status that came ('413'), or the name of the error. */
type Upload = (url: string, count: number, tell: (result: string) => void) => Promise<void>;

export const UPLOAD_BYTES = 5_000_000;

/** Milliseconds for one upload: a thousand times what it takes, against a client that hangs. */
const TIMEOUT = 20_000;
/** For a client that does not even keep its own time-out. */
const SILENCE = TIMEOUT + 10_000;

export async function findClients(): Promise<Client[]> {
  return [
    { name: 'fetch', title: "Node's fetch", upload: nodeClient('fetch') },
    { name: 'http.request', title: "Node's http.request", upload: nodeClient('http.request') },
    ...(await Promise.all([findCurl(), findPython()])),
  ];
}

function nodeClient(name: string): Upload {
  const file = fileURLToPath(new URL('./demo-node-client.js', import.meta.url));
  return (url, count, tell) =>
    uploadLines(
      [process.execPath, file, name, url, String(count), String(UPLOAD_BYTES), String(TIMEOUT)],
      count,
      SILENCE,
      tell,
    );
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

// An interrupted demo shall not end in a traceback, nor one whose reader is gone.
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
  // -q: no .curlrc. No "Expect": it would hold the upload back for an answer, and here everybody uploads at once.
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
    // Its messages name the errno by its English text.
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

/** What a program prints, or nothing where there is no such program, or one that does not work. */
async function answerOf(command: string, ...args: string[]): Promise<string | undefined> {
  const answer = promisify(execFile)(command, args, { timeout: SILENCE });
  tieToProcess(answer.child);
  try {
    return (await answer).stdout.trim();
  } catch {
    return undefined;
  }
}
