// The public surface on one screen.
export type { CloseEnd, CloseStart, ConnectionAddresses } from './channels.ts';
export type { SafeCloseOptions } from './close-options.ts';
export type { CloseReport } from './close-report.ts';
export { closeServer } from './close-server.ts';
export type { CloseServerOptions } from './close-server-options.ts';
export { type TcpAbortCounters, tcpAbortCounters } from './counters.ts';
export type { SocketLike } from './descriptor.ts';
export { isConnectionReset, SocketError } from './errors.ts';
export { getLinger, type Linger, setLinger } from './linger.ts';
export { engine } from './linger-loop.ts';
export type { LingerTotals } from './lingering.ts';
export { pendingBytes, unackedBytes } from './queues.ts';
export { safeClose } from './safe-close.ts';
export { send } from './send.ts';
export { type LingeringServer, lingerOnClose } from './server.ts';
export type { ServerCloseReport } from './server-closing.ts';
export type { LingerChoice, LingerOnCloseOptions } from './server-options.ts';
export { exitOnBrokenPipe, getSigpipe, type SigpipeDisposition, setSigpipe } from './sigpipe.ts';
