// Output that is thrown away above the connection, or that has no connection: it is never told as delivered.
import { byPort, inGroups, startClients, wrongClaim } from './lib/clients.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'False claims';
export const what =
  'Closes that throw output away above the connection, in a response, in a TLSSocket or in a session of HTTP/2, and ' +
  'descriptors that were never connected. The outcomes say what the clients got, and what was told of it. Never may ' +
  '`delivered: true` be told of an answer that its client has not got whole, with EOF.';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
/** The preface, SETTINGS, and GET / in HEADERS with END_STREAM (RFC 9113, 3.4 and 6; RFC 7541, A). */
const HTTP2 = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
  Buffer.from('000006010500000001828684010178', 'hex'),
]).toString('hex');

/** By name: the way of the server, and what each client sends. */
const SCENES = {
  '`safeClose`, the response waits for the one before': ['pipelined', { text: GET + GET }],
  '`safeClose`, the response is corked': ['corked', { text: GET }],
  '`destroy()`, the socket is corked': ['socket.cork', { text: GET }],
  '`destroy()` of a TLSSocket behind a response of 20 KB': ['https, destroy', { text: GET }],
  '`destroy()` of a TLSSocket behind 4 MB': ['tls, destroy', { text: GET }],
  '`session.destroy()` behind a response, HTTP/2': ['HTTP/2, session', { hex: HTTP2 }],
  '`session.destroy()` behind a response, HTTP/2 over TLS': ['HTTP/2 over TLS, session', { hex: HTTP2 }],
  '`destroy()` of the socket of a session behind 4 MB, HTTP/2': ['HTTP/2, socket', { hex: HTTP2 }],
};

const AT_ONCE = 50;

/** A program that leaves so many UNIX sockets without a connection to the command that it becomes. */
const leaveSockets = (count) => [
  'python3',
  '-c',
  `import os, socket, sys
for fd in range(500, ${500 + count}):
    sock = socket.socket(socket.AF_UNIX)
    os.dup2(sock.fileno(), fd)
    os.set_inheritable(fd, True)
    sock.close()
os.execvp(sys.argv[1], sys.argv[1:])`,
];

export async function run({ times }) {
  const server = startServer('claims', { prefix: leaveSockets(times) });
  const clients = startClients();
  const rows = [];
  for (const [name, [way, send]] of Object.entries(SCENES)) {
    const tally = new Tally(name);
    await visit(server, clients, way, send, 1);
    const held = await measured(server, () =>
      inGroups(times, AT_ONCE, (count) => visit(server, clients, way, send, count, tally)),
    );
    rows.push(tally.row(held));
  }
  const tally = new Tally('`safeClose` of a UNIX socket that was never connected');
  const held = await measured(server, async () => {
    const fds = Array.from({ length: times }, (_, i) => 500 + i);
    for (const report of await server.ask('raw', fds))
      tally.add(
        `${report.outcome}, delivered: ${report.delivered}`,
        report.delivered === true ? `told as delivered: ${JSON.stringify(report)}` : undefined,
      );
  });
  rows.push(tally.row(held));
  await clients.stop();
  await server.stop();
  return rows;
}

async function visit(server, clients, way, send, count, tally) {
  const port = await server.ask('listen', way);
  const tls = /https|tls/i.test(way);
  await clients.do('open', { count, port, tls, ...(tls && send.hex && { alpn: 'h2' }) });
  await clients.do('send', send);
  const results = await clients.do('read', { text: 'THE END' });
  await clients.do('close');
  await server.ask('closed', count);
  const reports = byPort(await server.ask('reportsByNow'));
  for (const result of results) {
    const report = reports.get(result.port);
    const told = report ? `delivered: ${report.delivered}` : 'no linger';
    tally?.add(`${result.whole ? 'whole' : 'not whole'}, ${told}`, wrongClaim(report, result));
  }
}

await main(import.meta.url, run);
