// A raw peer of HTTP/2 in a process of its own: it sees each frame, and acknowledges PING only when it is told to.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { python } from './python.ts';

const script = fileURLToPath(new URL('http2-peer.py', import.meta.url));

export interface Frame {
  /** The name of the frame; 'EOF' or an error at the end of the connection. */
  type: string;
  stream: number;
  length: number;
  end?: true;
  ack?: true;
  payload?: string;
  code?: number;
}

export interface RequestOptions {
  method?: 'GET' | 'POST';
  /** Whether the request ends here. */
  end?: boolean;
  /** Bytes of DATA. */
  body?: number;
}

export class Http2Peer implements AsyncDisposable {
  readonly #process: ChildProcess = spawn(python, ['-u', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  readonly #answers: AsyncIterator<string>;

  static async connect(port: number, { tls = false } = {}): Promise<Http2Peer> {
    const peer = new Http2Peer();
    await peer.do('connect', { host: '127.0.0.1', port, tls });
    return peer;
  }

  private constructor() {
    this.#answers = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** See http2-peer.py. */
  async do<Answer = object>(step: string, args: object = {}): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify({ do: step, ...args })}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the peer died in '${step}'`);
    return JSON.parse(value);
  }

  async request(streams: number | number[], options: RequestOptions = {}): Promise<void> {
    await this.do('request', { streams: [streams].flat(), ...options });
  }

  /** All frames to the `count`-th one of a type, or to the end of the connection. 'ACK' is that of a PING of ours. */
  async frames(until: string, count = 1): Promise<Frame[]> {
    return (await this.do<{ frames: Frame[] }>('frames', { until, count })).frames;
  }

  /** The frames that the server has sent by the time at which it answers a PING. */
  async framesSoFar(): Promise<Frame[]> {
    await this.do('ping');
    return (await this.frames('ACK')).slice(0, -1);
  }

  async acknowledge({ payload }: Frame): Promise<void> {
    await this.do('acknowledge', { payload });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit');
  }
}
