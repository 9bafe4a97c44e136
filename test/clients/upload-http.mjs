// node upload-http.mjs <url> <count>: uploads 5 MB so often, and prints what each upload got, one a line.
import { request } from 'node:http';

const [url, count] = process.argv.slice(2);
const body = Buffer.alloc(5 << 20);
const upload = () =>
  new Promise((resolve, reject) => {
    const upload = request(url, { method: 'POST', agent: false }, async (response) => {
      let length = 0;
      for await (const chunk of response) length += chunk.length;
      resolve(`${response.statusCode} ${length}`);
    });
    upload.on('error', reject);
    upload.end(body);
  });
for (let i = 0; i < Number(count); i++) console.log(await upload().catch((error) => error.code));
