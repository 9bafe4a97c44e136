// node upload-http.mjs <url> <count> [length|chunked]: uploads 5 MB <count> times, and prints one line for each: what
// the upload got.
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';

const [url, count, framing] = process.argv.slice(2);
const { request } = url.startsWith('https:') ? https : http;
const body = Buffer.alloc(5 << 20);
const upload = () =>
  new Promise((resolve, reject) => {
    const upload = request(url, { method: 'POST', agent: false }, async (response) => {
      let length = 0;
      for await (const chunk of response) length += chunk.length;
      resolve(`${response.statusCode} ${length}`);
    });
    upload.on('error', reject);
    if (framing === 'chunked') Readable.from(pieces()).pipe(upload);
    else upload.end(body);
  });
function* pieces() {
  for (let start = 0; start < body.length; start += 1 << 16) yield body.subarray(start, start + (1 << 16));
}
for (let i = 0; i < Number(count); i++) console.log(await upload().catch((error) => error.code));
