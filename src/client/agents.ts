// Agents of node:http and node:https, and connectors of undici: whatever they connect gets its guard before it writes.
import type { Agent } from 'node:http';
import { Socket } from 'node:net';
import { defineHidden } from '../socket/ownership.ts';
import type { CheckedDeferOptions, GivenDeferOptions } from './defer-write-error-options.ts';
import { guardErrors } from './error-guard.ts';

/** As undici's `buildConnector({})` makes it: the option `connect` of its `Client`, `Pool` and `Agent`. */
// biome-ignore lint/suspicious/noExplicitAny: the options of undici, which is no dependency of this package
export type UndiciConnector = (options: any, callback: (...args: any[]) => void) => unknown;

type CreateConnection = (...args: unknown[]) => unknown;

/** A property that other copies of the package know: the first copy that meets an agent has it. */
const AGENT = Symbol.for('lingering-close.agent');

type GuardedAgent = Agent & { createConnection: CreateConnection; [AGENT]?: GivenDeferOptions };

export function isAgent(target: unknown): target is Agent {
  if (typeof target !== 'object' || target === null) return false;
  const { createConnection, addRequest } = target as { createConnection?: unknown; addRequest?: unknown };
  return typeof createConnection === 'function' && typeof addRequest === 'function';
}

export function hasGuard(agent: Agent): boolean {
  return (agent as GuardedAgent)[AGENT] !== undefined;
}

/** Whether the agent can get a `createConnection` of its own. */
export function canGuard(agent: Agent): boolean {
  if (!Object.isExtensible(agent)) return false;
  return Object.getOwnPropertyDescriptor(agent, 'createConnection')?.configurable !== false;
}

/** Connections that the agent has already are guarded too. */
export function guardAgent(agent: Agent, options: GivenDeferOptions): void {
  const guarded = agent as GuardedAgent;
  const known = guarded[AGENT];
  if (known) {
    known.timeout = options.timeout;
  } else {
    if (!canGuard(agent)) return;
    const current = { ...options };
    const own = Object.hasOwn(agent, 'createConnection') ? guarded.createConnection : undefined;
    defineHidden(agent, AGENT, current);
    defineHidden(agent, 'createConnection', function (this: unknown, ...args: unknown[]) {
      // The method of the class as it is now: tools for tests and tracing replace it at any time.
      const connect = own ?? (Object.getPrototypeOf(agent) as GuardedAgent).createConnection;
      return connectGuarded(this, connect, args, current, false);
    });
  }
  for (const sockets of [agent.sockets, agent.freeSockets]) {
    for (const socket of Object.values(sockets ?? {}).flat()) guardConnection(socket, options, false);
  }
}

export function guardConnector<Connector extends UndiciConnector>(
  connector: Connector,
  options: CheckedDeferOptions,
): Connector {
  return function (this: unknown, ...args: unknown[]) {
    return connectGuarded(this, connector as CreateConnection, args, options, true);
  } as unknown as Connector;
}

/** A function that connects may return the socket, pass it to the callback that is its last argument, or both. */
function connectGuarded(
  receiver: unknown,
  connect: CreateConnection,
  args: unknown[],
  options: GivenDeferOptions,
  isUndici: boolean,
): unknown {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    args[args.length - 1] = function (this: unknown, ...results: unknown[]) {
      guardConnection(results[1], options, isUndici);
      return Reflect.apply(callback, this, results);
    };
  }
  const socket = Reflect.apply(connect, receiver, args);
  guardConnection(socket, options, isUndici);
  return socket;
}

/** Some agents connect by a stream of their own. */
export function guardConnection(socket: unknown, options: GivenDeferOptions, isUndici: boolean): void {
  if (socket instanceof Socket && socket.writableLength !== undefined) guardErrors(socket, options, isUndici);
}
