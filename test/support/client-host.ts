// Clients in a process of their own, and servers that reset them. The counterpart of
// test/fixtures/client/client-host.mjs.
import type { NodeProcessOptions } from './node-process.ts';
import { python } from './python.ts';
import { Remote } from './remote.ts';

/** What lab/clients/resetting-server.py does with a connection. */
export interface ServerOptions {
  tls?: boolean;
  /** A UNIX socket. */
  unix?: boolean;
  /** Its answer to a CONNECT or an upgrade that comes first, also in front of TLS. */
  switch?: string;
  /** Requests that it answers with a 200 before. */
  requests?: number;
  /** It does not wait for the head of a request. */
  raw?: boolean;
  /** What it sends before the upload has come: a 100. */
  first?: string;
  /** Bytes of the upload that must wait unread before it goes on. */
  unread?: number;
  answer?: string;
  /** Bytes behind the answer. */
  body?: number;
  /** Bytes that are no TLS behind the answer. */
  garbage?: boolean;
  /** It sends of its answer what the client takes, and then goes on. */
  fills?: boolean;
  /** It waits until the client's kernel has everything. */
  acked?: boolean;
  /** RST, RST behind FIN, or neither. */
  how?: 'reset' | 'fin-reset' | 'stay';
}

/** See lab/clients/clients.mjs. */
export type ClientName =
  | 'request'
  | 'resetInReading'
  | 'readingLater'
  | 'ownLimit'
  | 'piped'
  | 'fetched'
  | 'undiciRequest'
  | 'pooled'
  | 'ownAgent'
  | 'tunnelled'
  | 'handedOver'
  | 'pipelined'
  | 'downloaded'
  | 'upgraded'
  | 'unheard'
  | 'drained'
  | 'raw';

export const REGISTER_CLIENTS = ['--import', 'lingering-close/register-clients'];

export class ClientHost implements AsyncDisposable {
  readonly #remote: Remote;

  static async start(options: NodeProcessOptions = {}): Promise<ClientHost> {
    const host = new ClientHost(options);
    await host.#remote.ready();
    return host;
  }

  private constructor(options: NodeProcessOptions) {
    this.#remote = new Remote('client/client-host', { ...options, env: { ...options.env, PYTHON: python } });
  }

  get stderr(): string {
    return this.#remote.fixture.stderr;
  }

  /** What the client saw, in order. */
  visit<Log = string[]>(client: ClientName, server: ServerOptions, options: object = {}): Promise<Log> {
    return this.#remote.call<Log>('visit', { client, server, ...options });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#remote[Symbol.asyncDispose]();
  }
}

/**
 * The server goes on when it has the upload as far as the client has sent it before it stands still. With TLS the
 * server has read one record of it, to get at the head.
 */
export function uploaded(tls: boolean): ServerOptions {
  return { tls, unread: tls ? 20_000 : 40_000 };
}
