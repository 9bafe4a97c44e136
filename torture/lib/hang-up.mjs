// node hang-up.mjs <url> <count>: so many clients of HTTP/2 read streams, and all hang up at once.
import { connect } from 'node:http2';

const [url, count] = process.argv.slice(2);
for (let i = 0; i < Number(count); i++) {
  const session = connect(url, { rejectUnauthorized: false }).on('error', () => {});
  session
    .request()
    .on('error', () => {})
    .resume();
}
