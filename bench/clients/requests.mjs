// An ordinary client, with or without this package (register-clients is an --import). args: http, https or fetch, the
// port, keep-alive or close, the number of requests. It sends one at a time, and ends.
import { once } from 'node:events';

const [way, port, connection, requests] = process.argv.slice(2);
const close = connection === 'close';

const WAYS = {
  http: () => byModule('http'),
  https: () => byModule('https'),
  // The server closes the connection where each request has its own.
  fetch: async () => async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.text();
  },
};

async function byModule(name) {
  const { Agent, get } = await import(`node:${name}`);
  const agent = new Agent({ keepAlive: !close, maxSockets: 1 });
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent };
  return async () => {
    const [response] = await once(get(options), 'response');
    await once(response.resume(), 'end');
  };
}

const send = await WAYS[way]();
for (let i = 0; i < Number(requests); i++) await send();
process.exit();
