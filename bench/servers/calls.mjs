// CPU nanoseconds of a call, of the main thread only: other processes and V8's compiler thread do not count. args: the
// rival, and how many calls of each function. Prints JSON.
import { once } from 'node:events';
import { readFileSync, readSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [rival, count] = process.argv.slice(2);
const times = Number(count);
const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
await once(server, 'listening');
const socket = connect(server.address().port, '127.0.0.1');
const [[peer]] = await Promise.all([once(server, 'connection'), once(socket, 'connect')]);
const { fd } = socket._handle;
// As in the C program, each send is a segment. Without this, the cost of a send depends on the timing of the ACKs.
socket.setNoDelay(true);
const data = Buffer.from('x');
const sink = Buffer.alloc(65_536);

/** The reads keep the buffer from filling. They are few, and every rival does the same. */
let inFlight = 0;
function drainAfter(sent) {
  inFlight += sent;
  if (inFlight < 1_000) return;
  while (inFlight > 0) inFlight -= readSync(peer._handle.fd, sink);
}

const RIVALS = {
  fd: async () => {
    const { setLinger, pendingBytes, send } = await import('lingering-close');
    return {
      setLinger: () => setLinger(fd, 5),
      pendingBytes: () => pendingBytes(fd),
      send: () => drainAfter(send(fd, data)),
    };
  },
  socket: async () => {
    const { setLinger, pendingBytes, send } = await import('lingering-close');
    // 0, because any other time would also change how destroy() works.
    return {
      setLinger: () => setLinger(socket, 0),
      pendingBytes: () => pendingBytes(socket),
      send: () => drainAfter(send(socket, data)),
    };
  },
  koffi: async () => {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    const setsockopt = libc.func('int setsockopt(int, int, int, void *, unsigned int)');
    const ioctl = libc.func('int ioctl(int, unsigned long, _Out_ int *)');
    const send = libc.func('long send(int, void *, size_t, int)');
    const linger = Buffer.from(new Int32Array([1, 5]).buffer);
    const bytes = [0];
    return {
      setLinger: () => setsockopt(fd, 1, 13, linger, 8),
      pendingBytes: () => ioctl(fd, 0x541b, bytes),
      send: () => drainAfter(send(fd, data, 1, 0x4040)),
    };
  },
  // net-keepalive has no SO_LINGER: another integer option of the socket.
  'net-keepalive': async () => {
    const { default: keepalive } = await import('net-keepalive');
    return { setLinger: () => keepalive.setUserTimeout(socket, 5_000) };
  },
  // Node's own way to set an option. On and off by turns, because Node.js does not set an option twice.
  setNoDelay: async () => {
    let on = false;
    return {
      setLinger: () => {
        on = !on;
        socket.setNoDelay(on);
      },
    };
  },
};

function cpuNanoseconds() {
  // The kernel updates a thread's time at each tick (4 ms), and when getrusage(2) asks.
  process.cpuUsage();
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ', 1)[0]);
}

const results = {};
for (const [name, call] of Object.entries(await RIVALS[rival]())) {
  for (let i = 0; i < Math.min(times, 100_000); i++) call();
  const before = cpuNanoseconds();
  for (let i = 0; i < times; i++) call();
  results[name] = (cpuNanoseconds() - before) / times;
}
console.log(JSON.stringify(results));
process.exit(0);
