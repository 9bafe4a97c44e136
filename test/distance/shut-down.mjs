// One row of the distance suite: a server is closed while clients far away use their connections again and again.
import { fileURLToPath } from 'node:url';
import { startServer } from '../../lab/children.mjs';
import { openDistance } from '../../lab/distance.mjs';
import { json, python } from './parties.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @param options of closeServer, or 'plain' for Node's own close()
 * @returns by way, how many clients ended in it: 'lost', 'told by FIN', 'told by an answer'
 */
export async function shutDown({ rtt, clients, pause }, options) {
  const network = await openDistance({ rtt, lines: clients });
  try {
    const server = await startServer(network.server(['node', here('keep-alive-server.mjs')]));
    const addresses = Array.from({ length: clients }, (_, line) => network.address(line));
    const words = [python(), here('keep-alive.py'), server.port, pause, rtt, ...addresses];
    let closed;
    const ends = await json(network.client(words), () => {
      closed = server.ask(options === 'plain' ? options : JSON.stringify(options));
    });
    await closed;
    await server.stop();
    return ends;
  } finally {
    await network.close();
  }
}
