// The kernel's memory for the TCP sockets of a group of processes, which can be limited for this group alone. Beyond
// the limit these sockets are under memory pressure, as all sockets are when the machine is over tcp_mem.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup/memory';

/** A control group, version 1, below the group of this process. */
export class SocketMemory {
  #folder;

  /** Undefined where there are no such groups, or where this process may not make one. */
  static create() {
    const own = /^\d+:memory:(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    if (own === undefined) return undefined;
    const memory = new SocketMemory();
    memory.#folder = `${ROOT}${own === '/' ? '' : own}/lingering-close-${process.pid}`;
    try {
      mkdirSync(memory.#folder);
    } catch {
      return undefined;
    }
    if (existsSync(memory.#file('limit_in_bytes'))) return memory;
    rmdirSync(memory.#folder);
    return undefined;
  }

  #file(name) {
    return `${this.#folder}/memory.kmem.tcp.${name}`;
  }

  #read(name) {
    return Number(readFileSync(this.#file(name), 'utf8'));
  }

  /** A command to put in front of another command, which then belongs to the group. */
  get prefix() {
    return ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', this.#folder];
  }

  /** -1: no limit. */
  limit(bytes) {
    writeFileSync(this.#file('limit_in_bytes'), String(bytes));
  }

  /** `most` counts from now on. */
  reset() {
    writeFileSync(this.#file('max_usage_in_bytes'), '0');
  }

  get usage() {
    return this.#read('usage_in_bytes');
  }

  get most() {
    return this.#read('max_usage_in_bytes');
  }

  /** Removes the group, when its last process has ended. */
  async remove() {
    for (let i = 0; i < 100; i++) {
      try {
        rmdirSync(this.#folder);
        return;
      } catch {
        await delay(50);
      }
    }
  }
}
