// node upload-http2.mjs <url> <count> [length|chunked]: uploads 5 MB <count> times over HTTP/2, each in a session of
// its own, and prints one line for each: what the upload got.
import http2 from 'node:http2';
import { Readable } from 'node:stream';

const [url, count, framing] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
const upload = () =>
  new Promise((resolve, reject) => {
    const session = http2.connect(url).on('error', reject);
    const headers = { ':method': 'POST', ...(framing === 'length' ? { 'content-length': body.length } : {}) };
    const stream = session.request(headers).on('error', reject);
    let status;
    let length = 0;
    stream.on('response', (response) => {
      status = response[':status'];
    });
    stream.on('data', (chunk) => {
      length += chunk.length;
    });
    stream.on('end', () => {
      resolve(`${status} ${length}`);
      session.destroy();
    });
    if (framing === 'chunked') Readable.from(pieces()).pipe(stream);
    else stream.end(body);
  });
function* pieces() {
  for (let start = 0; start < body.length; start += 1 << 16) yield body.subarray(start, start + (1 << 16));
}
for (let i = 0; i < Number(count); i++) console.log(await upload().catch((error) => error.code));
