// A client of the demo, as a process of its own. It uploads with Node's fetch or http.request, one upload after the
// other, and prints a line for each: the status of the response, or the name of the error.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { exitOnBrokenPipe } from '../system/exit-on-broken-pipe.ts';

type Upload = (url: string, body: Buffer<ArrayBuffer>, signal: AbortSignal) => Promise<number>;

/** Each resolves with the status when the whole response has arrived. */
const uploads: Record<string, Upload> = {
  async fetch(url, body, signal) {
    const response = await fetch(url, { method: 'POST', body, signal });
    await response.text();
    return response.status;
  },

  async 'http.request'(url, body, signal) {
    const upload = request(url, { method: 'POST', signal });
    // An error may still come after the response.
    upload.on('error', () => {});
    upload.end(body);
    const [response] = (await once(upload, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode ?? 0;
  },
};

/** The name of the innermost cause, which is what broke the connection: `fetch failed` alone says nothing. */
function nameOf(error: unknown): string {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: unknown };
  if (name === 'TimeoutError') return 'timeout';
  if (cause instanceof Error || cause instanceof DOMException) return nameOf(cause);
  return typeof code === 'string' ? code : String(name);
}

const [name = '', url = '', count, bytes, timeout] = process.argv.slice(2);
const upload = uploads[name];
if (!upload) throw new Error(`no client of the name ${name}`);
// When the parent is gone.
exitOnBrokenPipe();
const body = Buffer.alloc(Number(bytes));
for (let i = 0; i < Number(count); i++) {
  try {
    console.log(await upload(url, body, AbortSignal.timeout(Number(timeout))));
  } catch (error) {
    console.log(nameOf(error));
  }
}
