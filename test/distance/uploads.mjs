// Uploads by Node.js, which reads while it sends. Prints a JSON list of how each ended.
// usage: uploads.mjs fetch|http.request http|https PORT BYTES ADDRESS...
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { Readable } from 'node:stream';

const [kind, protocol, port, size, ...addresses] = process.argv.slice(2);
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const BLOCK = Buffer.alloc(65_536, 'x');

function* body() {
  for (let left = Number(size); left > 0; left -= BLOCK.length) yield BLOCK.subarray(0, left);
}

async function byFetch(url) {
  const headers = { 'content-length': size };
  const response = await fetch(url, { method: 'POST', headers, body: Readable.from(body()), duplex: 'half' });
  return complete(response.status, await response.text());
}

function byRequest(url) {
  return new Promise((resolve, reject) => {
    const send = protocol === 'https' ? requestTls : request;
    const upload = send(url, { method: 'POST', agent: false, headers: { 'content-length': size } });
    upload.on('error', reject).on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(complete(response.statusCode, text))).on('error', reject);
    });
    Readable.from(body()).pipe(upload);
  });
}

function complete(status, text) {
  return status === 413 && text.length >= 100 ? 'answer' : 'a part';
}

const upload = kind === 'fetch' ? byFetch : byRequest;
const ended = addresses.map((address) =>
  upload(`${protocol}://${address}:${port}/upload`).catch((error) => error.cause?.code ?? error.code ?? error.name),
);
const results = await Promise.all(ended);
process.stdout.write(`${JSON.stringify({ results })}\n`, () => process.exit());
