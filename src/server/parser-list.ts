// The list of parsers that an HTTP server of Node has for its time-outs and for closeIdleConnections().

import type { Server, Socket } from 'node:net';

interface ParserList {
  /** Those that are between two requests. */
  idle(): { socket: Socket }[];
  /** Those that are in the middle of a request. */
  active(): unknown[];
}

/** Undefined where Node has no such list, or has it elsewhere. */
export function parserListOf(server: Server): ParserList | undefined {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  const list = symbol && (server as unknown as Record<symbol, Partial<ParserList> | undefined>)[symbol];
  return typeof list?.idle === 'function' && typeof list.active === 'function' ? (list as ParserList) : undefined;
}
