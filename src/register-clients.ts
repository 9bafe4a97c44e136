// `node --import lingering-close/register-clients app.js`: deferWriteError for every client connection of the process,
// with its default options, and without a change to its code. It meets the connections where Node and undici publish
// them: `net.client.socket`, `undici:client:connected` and `http.client.request.created`.
//
// Platforms: as deferWriteError. In Node 20, and 22 before 22.12, some connections over TLS are not met before they
// write. Under Bun and Deno it changes nothing, and says so by a process warning, LINGERING_CLOSE_CLIENTS.

import diagnostics from 'node:diagnostics_channel';
import type { Agent, ClientRequest } from 'node:http';
import { guardAgent, guardConnection, hasGuard, isAgent } from './client/agents.ts';
import type { GivenDeferOptions } from './client/defer-write-error-options.ts';
import { builtin } from './core/builtin.ts';
import { runtime } from './core/runtime.ts';
import './index.ts';

/** What the application has given to `deferWriteError` stays: a connection may be met here again behind that. */
const options: GivenDeferOptions = { timeout: undefined };
const guard = (socket: unknown) => guardConnection(socket, options, false);

/** What a subscriber throws ends the process. Objects of the application may throw when they are looked at. */
function subscribe(channel: string, run: (message: unknown) => void): void {
  diagnostics.subscribe(channel, (message) => {
    try {
      run(message);
    } catch {
      // The connection is as Node made it.
    }
  });
}

type Connect = Agent['createConnection'];
let plainConnect: Connect | undefined;

/** A request whose connection may have been made past the first channel: TLS over a socket; TLS in older versions. */
function onRequest(message: unknown): void {
  const { request } = message as { request: ClientRequest };
  const { agent, socket } = request as ClientRequest & { agent?: Agent };
  // Node's own agent for http, also one for a single request (`agent: false`): the first channel shows its connections.
  plainConnect ??= builtin('node:http').Agent.prototype.createConnection;
  if (agent?.createConnection === plainConnect) return;
  if (isAgent(agent)) {
    if (hasGuard(agent)) return;
    guardAgent(agent, options);
  }
  if (socket) guard(socket);
  else request.once('socket', guard);
}

if (runtime) {
  process.emitWarning(
    `lingering-close/register-clients changes nothing under ${runtime}, which has sockets of its own`,
    {
      type: 'LingeringCloseWarning',
      code: 'LINGERING_CLOSE_CLIENTS',
    },
  );
} else {
  // Sockets of node:net; from Node 22.17 and 24.2 on those of node:tls too, unless they are made over another socket.
  subscribe('net.client.socket', (message) => guard((message as { socket: unknown }).socket));
  // fetch, and any copy of undici.
  subscribe('undici:client:connected', (message) => {
    guardConnection((message as { socket: unknown }).socket, options, true);
  });
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 23 || (major === 23 && minor >= 2) || (major === 22 && minor >= 12)) {
    subscribe('http.client.request.created', onRequest);
  } else {
    // Published when the application has ended the request. So the agent of https that is there by now is taken by
    // name.
    subscribe('http.client.request.start', onRequest);
    try {
      guardAgent(builtin('node:https').globalAgent, options);
    } catch {
      // A Node.js without crypto has no node:https.
    }
  }
}
