// Answers requests on connections that stay open. A line on standard input closes the server, with the options of
// closeServer in JSON, or by server.close() for 'plain'; it prints the report when it is closed.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { closeServer } from 'lingering-close';

const server = createServer((_request, response) => response.end('answer'));
server.keepAliveTimeout = 60_000;
server.listen(0, '0.0.0.0', () => console.log(server.address().port));
createInterface(process.stdin).once('line', async (line) => {
  if (line === 'plain') server.close(() => finish({}));
  else finish(await closeServer(server, JSON.parse(line)));
});

function finish(report) {
  process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
}
