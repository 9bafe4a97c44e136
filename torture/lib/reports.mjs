// What a server under test keeps of its connections: how each close has ended, and how many sockets are gone.
import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';

export const arrivals = new EventEmitter().setMaxListeners(0);
let reports = [];
let closed = 0;

subscribe('lingering-close:end', ({ remotePort, report: { error, ...report } }) => {
  reports.push({ port: remotePort, ...report, ...(error && { error: error.code, syscall: error.syscall }) });
  arrivals.emit('report');
});

/** For the 'connection' event of a server. */
export function watch(socket) {
  // Of a connection that is over nobody can tell whose it was: a Socket that was asked before keeps the answer.
  void socket.remotePort;
  socket
    .on('error', () => {})
    .on('close', () => {
      closed++;
      arrivals.emit('closed');
    });
}

export const commands = {
  /** When so many sockets are gone, and it is duplicates that linger. */
  async closed(count) {
    while (closed < count) await once(arrivals, 'closed');
    closed = 0;
  },

  /** So many, as soon as there are. */
  async reports(count) {
    while (reports.length < count) await once(arrivals, 'report');
    const taken = reports;
    reports = [];
    return taken;
  },
};
