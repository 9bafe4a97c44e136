// node upload.mjs <client or proxy> <url> <count> <bodies>: uploads each of the bodies `count` times, one after the
// other, and prints one line for each: what the upload got.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BODIES } from './bodies.mjs';
import { CLIENTS, uploadByModule } from './clients.mjs';

const [name, url, count, bodies] = process.argv.slice(2);

async function findUpload() {
  if (CLIENTS[name]) return (body) => CLIENTS[name].upload(url, body);
  // With the options of this process, so that register-clients is there or not. The server's half is there in any case:
  // what is lost is lost between the proxy and the server behind it.
  const execArgv = [...process.execArgv, '--import', 'lingering-close/register'];
  const proxy = fork(fileURLToPath(new URL('./proxy.mjs', import.meta.url)), [name, url], { execArgv });
  const [port] = await once(proxy, 'message');
  return (body) => uploadByModule(`http://127.0.0.1:${port}/`, body, { agent: false });
}

const codeOf = ({ cause, code, message }) => cause?.code ?? code ?? message;

const upload = await findUpload();
for (const body of bodies.split(',')) {
  for (let i = 0; i < Number(count); i++) console.log(await upload(BODIES[body]()).catch(codeOf));
}
process.exit();
