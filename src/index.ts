// All that the package exports.

export { type DeferWriteErrorTarget, deferWriteError } from './client/defer-write-error.ts';
export type { DeferWriteErrorOptions } from './client/defer-write-error-options.ts';
export type { CloseEnd, CloseStart, ConnectionAddresses } from './close/channels.ts';
export type { CloseReport } from './close/close-report.ts';
export type { LingerTotals } from './close/linger-set.ts';
export { safeClose } from './close/safe-close.ts';
export type { SafeCloseOptions } from './close/safe-close-options.ts';
export { getLinger, type Linger, setLinger } from './close/set-linger.ts';
export { isConnectionReset } from './core/error-kinds.ts';
export { SocketError } from './core/errors.ts';
export { engine } from './engine/linger-loop.ts';
export { type LingeringServer, lingerOnClose } from './server/linger-on-close.ts';
export type { LingerChoice, LingerOnCloseOptions } from './server/linger-on-close-options.ts';
export { type ClosingOnSignal, closeOnSignal } from './shutdown/close-on-signal.ts';
export type { CloseOnSignalOptions, ShutdownReason } from './shutdown/close-on-signal-options.ts';
export { closeServer } from './shutdown/close-server.ts';
export type { CloseServerOptions, InFlight } from './shutdown/close-server-options.ts';
export { closeServers } from './shutdown/close-servers.ts';
export type { CloseServersOptions } from './shutdown/close-servers-options.ts';
export type { ServerCloseReport } from './shutdown/server-close-report.ts';
export type { ClosedServer, ServersCloseReport } from './shutdown/servers-close-report.ts';
export type { SocketLike } from './socket/descriptor.ts';
export { pendingBytes, unackedBytes } from './socket/queues.ts';
export { send } from './socket/send.ts';
export { type TcpAbortCounters, tcpAbortCounters } from './system/counters.ts';
export { exitOnBrokenPipe } from './system/exit-on-broken-pipe.ts';
export { getSigpipe, type SigpipeDisposition, setSigpipe } from './system/sigpipe.ts';
