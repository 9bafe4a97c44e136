// node upload-undici.mjs <url> <count> [length|chunked]: uploads 5 MB <count> times, and prints one line for each: what
// the upload got.
import { request } from 'undici';

const [url, count, framing] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
for (let i = 0; i < Number(count); i++) {
  try {
    const response = await request(url, {
      method: 'POST',
      body: framing === 'chunked' ? new Blob([body]).stream() : body,
    });
    console.log(response.statusCode, (await response.body.text()).length);
  } catch (error) {
    console.log(error.code ?? error.message);
  }
}
