// HTTP servers that answer every upload early, each with its own limits. At the end of each linger they check whether
// the limits were kept.
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { lingerOnClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

/** How late a linger may end on a busy machine, and how far two readings of the clock may be apart, in milliseconds. */
const LATE = 5_000;
const APART = 50;

const servers = new Map();
/** The server, the start and the deadline of each linger, by the address and the port of its peer. */
const lingers = new Map();
const violations = [];
let evictionsChecked = 0;

function violated(what) {
  violations.push(what);
}

subscribe('lingering-close:start', ({ server, remoteAddress, remotePort }) => {
  const startedAt = performance.now();
  lingers.set(`${remoteAddress} ${remotePort}`, {
    server,
    address: remoteAddress,
    startedAt,
    deadline: startedAt + servers.get(server).timeout,
  });
});

subscribe('lingering-close:end', ({ server, remoteAddress, remotePort, report }) => {
  const { name, options, lingering } = servers.get(server);
  const { outcome, duration, discardedBytes } = report;
  const peer = `${remoteAddress} ${remotePort}`;
  const { startedAt, deadline } = lingers.get(peer);
  lingers.delete(peer);
  const { maxLingering = 1_000, maxBytes = Infinity, idleTimeout = 10_000 } = options;
  if (lingering.active > maxLingering) violated(`${name}: ${lingering.active} linger`);
  if (discardedBytes > maxBytes) violated(`${name}: ${discardedBytes} bytes discarded`);
  if (outcome === 'max-bytes' && discardedBytes !== maxBytes)
    violated(`${name}: 'max-bytes' at ${discardedBytes} bytes`);
  if (outcome === 'idle' && duration < idleTimeout - 2) violated(`${name}: 'idle' after ${duration} ms`);
  const over = performance.now() - deadline;
  if (outcome === 'timeout' && over < -APART) violated(`${name}: 'timeout' ${-over} ms too soon`);
  if (over > LATE) violated(`${name}: it lingered for ${over} ms longer than it may`);
  if (outcome === 'evicted') checkEviction(server, remoteAddress, startedAt);
});

/** The oldest linger of the address that has most must go. The address had one more, which is out of the map by now. */
function checkEviction(server, address, startedAt) {
  evictionsChecked++;
  const counts = new Map([[address, 1]]);
  let oldest = Infinity;
  for (const other of lingers.values()) {
    if (other.server !== server) continue;
    counts.set(other.address, (counts.get(other.address) ?? 0) + 1);
    if (other.address === address) oldest = Math.min(oldest, other.startedAt);
  }
  const [own, most] = [counts.get(address), Math.max(...counts.values())];
  // The linger that is making room is in the map, and counts too.
  if (own < most) violated(`${servers.get(server).name}: evicted of an address with ${own}, where one has ${most}`);
  const { name } = servers.get(server);
  if (startedAt > oldest + APART) violated(`${name}: evicted ${startedAt - oldest} ms before an older one`);
}

function handle(request, response) {
  if (request.method === 'GET') response.end('ok');
  else response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
}

serve({
  /** Starts another server, and returns its port. */
  async listen({ name, options }) {
    const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 600_000 }, handle);
    const entry = { name, options, timeout: options.timeout ?? 30_000 };
    entry.lingering = lingerOnClose(server, options);
    servers.set(server, entry);
    await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }), 'listening');
    return server.address().port;
  },

  lingering: () =>
    Object.fromEntries(
      [...servers.values()].map(({ name, lingering: { active, totals } }) => [name, { active, ...totals }]),
    ),
  checks: () => ({ violations, evictionsChecked }),
});
