// An ordinary server, with or without this package. args: http, https or http2 (in clear text); plain, lingerOnClose
// (register is an --import), or the URL of other modules to load in place of this package.
import { readFileSync } from 'node:fs';

const [protocol, way] = process.argv.slice(2);
const { createServer } = await import(`node:${protocol}`);
// As `import` statements do: before there is a server.
const { lingerOnClose } = way === 'plain' ? {} : await import(way === 'lingerOnClose' ? 'lingering-close' : way);
const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
// A long keepAliveTimeout, because under valgrind a client waits long for its turn.
const server = createServer({ key: pem, cert: pem, keepAliveTimeout: 60_000 }, (_request, response) =>
  response.end('ok'),
);
lingerOnClose?.(server);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(server.address().port));
