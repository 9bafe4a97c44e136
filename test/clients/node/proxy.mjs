// node proxy.mjs <proxy> <url>: a proxy in front of a server.
import { PROXIES } from './proxies.mjs';

const [name, url] = process.argv.slice(2);
const server = await PROXIES[name](url.replace(/\/$/, ''));
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.once('disconnect', () => process.exit());
