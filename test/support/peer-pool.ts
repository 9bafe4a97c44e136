// Raw peers for one server process. A peer without a connection is kept for the next connection: starting a process for
// each would take longer than most tests.
import { type Address, Peer, type PeerOptions } from './peer.ts';

export class PeerPool implements AsyncDisposable {
  /** A command before python: see `enterNetns`. */
  prefix: string[] = [];
  readonly #idle: Peer[] = [];

  async connect(address: Address, options: PeerOptions): Promise<Peer> {
    const idle = this.#idle.pop();
    if (!idle) return Peer.connect(address, { ...options, prefix: this.prefix });
    await idle.reconnect(address, options);
    return idle;
  }

  /** Ends a connection from the peer's side. */
  async release(peer: Peer): Promise<void> {
    if (peer.busy) return peer.kill();
    await peer.close();
    this.#idle.push(peer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.map((peer) => peer.kill()));
  }
}
