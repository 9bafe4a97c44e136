// What a server under test records of its connections: how each close has ended, and how many sockets are gone.
import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';

export const arrivals = new EventEmitter().setMaxListeners(0);
let reports = [];
let closed = 0;

subscribe('lingering-close:end', ({ remotePort, report: { error, ...report } }) => {
  reports.push({ port: remotePort, ...report, ...(error && { error: error.code, syscall: error.syscall }) });
  arrivals.emit('report');
});

/** A listener for the 'connection' event of a server. */
export function watch(socket) {
  // Read it now: a Socket keeps the answer, and after the end of the connection it can no longer find it.
  void socket.remotePort;
  socket
    .on('error', () => {})
    .on('close', () => {
      closed++;
      arrivals.emit('closed');
    });
}

export const commands = {
  /** Resolves when `count` sockets are gone, so that only duplicates linger. */
  async closed(count) {
    while (closed < count) await once(arrivals, 'closed');
    closed = 0;
  },

  /** Resolves with the reports as soon as there are `count`. */
  async reports(count) {
    while (reports.length < count) await once(arrivals, 'report');
    const taken = reports;
    reports = [];
    return taken;
  },
};
