// What a process has used: CPU time and memory, with all its descendants, for nginx and Apache are several processes.
import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds of a process and its descendants so far, user and system, in nanoseconds' resolution: /proc/PID/stat counts in 10 ms. */
export function cpuSeconds(pid) {
  return family(pid).reduce((sum, member) => sum + threadNanoseconds(member), 0) / 1e9;
}

/** Resident bytes of a process and its descendants. Pages that they share are counted once for each. */
export function residentBytes(pid) {
  return family(pid).reduce(
    (sum, member) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${member}/status`))?.[1] ?? 0) * 1024,
    0,
  );
}

/** Page faults of a process and its descendants so far: first uses of a page, be it that malloc takes anew what it had given back to the kernel. */
export function pageFaults(pid) {
  return family(pid).reduce(
    (sum, member) => sum + Number(/^\S+ \(.*\) \S(?: -?\d+){6} (\d+)/s.exec(read(`/proc/${member}/stat`))?.[1] ?? 0),
    0,
  );
}

/** Bytes of kernel memory in the buffers of all TCP sockets of the network namespace. */
export function tcpBufferBytes() {
  return Number(/^TCP:.* mem (\d+)/m.exec(read('/proc/net/sockstat'))?.[1] ?? 0) * 4096;
}

/** Bytes that have come over loopback so far, headers included. */
export function loopbackBytes() {
  return Number(/^\s*lo:\s*(\d+)/m.exec(read('/proc/net/dev'))[1]);
}

/** The process itself and its descendants. */
export function family(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The name of a program, in brackets, may hold blanks.
    const parent = Number(/^\S+ \(.*\) \S (\d+)/s.exec(read(`/proc/${name}/stat`))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const members = [pid];
  for (const member of members) members.push(...(children.get(member) ?? []));
  return members;
}

function threadNanoseconds(pid) {
  let threads = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // It has ended.
  }
  return threads.reduce(
    (sum, thread) => sum + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0]),
    0,
  );
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
