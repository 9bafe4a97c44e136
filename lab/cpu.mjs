// The CPU time and memory that a process and its descendants have used. (nginx and Apache have several processes.)
import { readdirSync, readFileSync } from 'node:fs';

/** CPU seconds of a process and its descendants so far, user and system, to the nanosecond. */
export function cpuSeconds(pid) {
  return family(pid).reduce((sum, member) => sum + threadNanoseconds(member), 0) / 1e9;
}

/** Resident bytes of a process and its descendants. A shared page counts once for each process. */
export function residentBytes(pid) {
  return family(pid).reduce(
    (sum, member) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${member}/status`))?.[1] ?? 0) * 1024,
    0,
  );
}

/**
 * Minor page faults of a process and its descendants so far: first uses of a page, also of one that malloc gave back.
 */
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

/** Bytes that were received over loopback so far, headers included. */
export function loopbackBytes() {
  return Number(/^\s*lo:\s*(\d+)/m.exec(read('/proc/net/dev'))[1]);
}

/** The process itself and its descendants. */
export function family(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // The program name, in brackets, may contain spaces.
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
    // The process has ended.
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
