// A client of the demo, in a process of its own: uploads one after the other with Node's fetch or http.request, and prints a line for each, the status
// that it got or the name of the error.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { exitOnBrokenPipe } from '../system/sigpipe.ts';

type Upload = (url: string, body: Buffer<ArrayBuffer>, signal: AbortSignal) => Promise<number>;

/** A status counts when the whole response has come. */
const uploads: Record<string, Upload> = {
  async fetch(url, body, signal) {
    const response = await fetch(url, { method: 'POST', body, signal });
    await response.text();
    return response.status;
  },

  async 'http.request'(url, body, signal) {
    const upload = request(url, { method: 'POST', signal });
    // An error may still come behind the response.
    upload.on('error', () => {});
    upload.end(body);
    const [response] = (await once(upload, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode ?? 0;
  },
};

/** What broke the connection is the innermost cause: `fetch failed` says nothing. */
function nameOf(error: unknown): string {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: unknown };
  if (name === 'TimeoutError') return 'timeout';
  if (cause instanceof Error || cause instanceof DOMException) return nameOf(cause);
  return typeof code === 'string' ? code : String(name);
}

const [name = '', url = '', count, bytes, timeout] = process.argv.slice(2);
const upload = uploads[name];
if (!upload) throw new Error(`no client of the name ${name}`);
// The parent is gone.
exitOnBrokenPipe();
const body = Buffer.alloc(Number(bytes));
for (let i = 0; i < Number(count); i++) {
  try {
    console.log(await upload(url, body, AbortSignal.timeout(Number(timeout))));
  } catch (error) {
    console.log(nameOf(error));
  }
}
