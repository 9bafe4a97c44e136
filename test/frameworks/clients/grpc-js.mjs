// Calls in flight, and one that begins when the shutdown has begun. `go` comes at that time.
import { once } from 'node:events';
import grpc from '@grpc/grpc-js';
import { SERVICE } from '../applications/grpc-js.mjs';

const [port] = process.argv.slice(2);
const Client = grpc.makeGenericClientConstructor(SERVICE, 'test');
const connect = () => new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
const call = (client, name) =>
  new Promise((resolve) => client[name](Buffer.alloc(1), (error, answer) => resolve(error?.message ?? String(answer))));

const [idle, busy] = [connect(), connect()];
await call(idle, 'now');
await call(busy, 'now');
const slow = call(busy, 'slow');
const download = busy.big(Buffer.alloc(1));
await once(download, 'readable');
const upload = new Promise((resolve) => {
  const stream = busy.upload((error, answer) => resolve(error?.message ?? String(answer)));
  stream.write(Buffer.alloc(512 << 10));
  process.once('message', () => stream.end(Buffer.alloc(512 << 10)));
});
process.send('ready');
await once(process, 'message');
const now = call(idle, 'now');
let downloaded = 0;
for await (const chunk of download) downloaded += chunk.length;
process.send({ slow: await slow, upload: await upload, now: await now, downloaded });
for (const client of [idle, busy]) client.close();
process.disconnect();
