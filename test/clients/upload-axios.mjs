// node upload-axios.mjs <url> <count> [length|chunked]: uploads 5 MB <count> times, and prints one line for each: what
// the upload got.
import { Readable } from 'node:stream';
import axios from 'axios';

const [url, count, framing] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
// By default axios refuses a body of this size, and treats a 413 as an error.
const options = { maxBodyLength: Infinity, validateStatus: null, proxy: false };
for (let i = 0; i < Number(count); i++) {
  try {
    const data = framing === 'chunked' ? Readable.fromWeb(new Blob([body]).stream()) : body;
    const response = await axios.post(url, data, options);
    console.log(response.status, response.data.length);
  } catch (error) {
    console.log(error.code ?? error.message);
  }
}
