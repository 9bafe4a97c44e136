// An HTTP server that answers every upload early, with room for few lingering connections.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { lingerOnClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { commands, watch } from '../lib/reports.mjs';

const ANSWER = `${'x'.repeat(1_000)}THE END`;

let server;
let lingering;

serve({
  ...commands,

  async listen({ host, ...options }) {
    server?.close();
    server = createServer((_request, response) => {
      response.writeHead(413, { Connection: 'close', 'Content-Length': ANSWER.length }).end(ANSWER);
    });
    server.on('connection', watch);
    lingering = lingerOnClose(server, options);
    await once(server.listen({ port: 0, host, backlog: 4_096 }), 'listening');
    return server.address().port;
  },

  state: () => ({ active: lingering.active, evictions: lingering.totals.evictions }),
});
