// Answers every upload with 413 before it has read the body.
// usage: server.mjs plain|ours http|https|http2 OPTIONS, which is JSON for lingerOnClose
// Each line on standard input asks for what is known of the lingers that are over.

import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { createInterface } from 'node:readline';
import { lingerOnClose } from 'lingering-close';

const [kind, protocol, options] = process.argv.slice(2);
const answer = 'too large'.padEnd(1_000, '.');
const pem = readFileSync(new URL('../fixtures/localhost.pem', import.meta.url));
const create = { http: createServer, https: createTlsServer, http2: createSecureServer }[protocol];

const server = create({ key: pem, cert: pem, requestTimeout: 0 }, (_request, response) => {
  const connection = protocol === 'http2' ? {} : { connection: 'close' };
  response.writeHead(413, { 'content-length': answer.length, ...connection }).end(answer);
});
const ends = [];
subscribe('lingering-close:end', ({ report, remotePort }) => ends.push({ ...report, remotePort }));
if (kind === 'ours') lingerOnClose(server, JSON.parse(options));
server.on('error', () => {}).listen(0, '0.0.0.0', () => console.log(server.address().port));
createInterface(process.stdin).on('line', () => console.log(JSON.stringify(ends)));
