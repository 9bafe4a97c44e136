// A fresh network namespace for a fixture. Its kernel counters start at zero and count no other traffic, so they tell
// RST from FIN exactly.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { python } from './python.ts';

// A new namespace has its loopback interface down, and `ip` is not installed everywhere. The kernel assigns 127.0.0.1
// and ::1 when the interface comes up.
//
// On a starved machine TCP retransmits segments that only wait for their reader. If both sides have closed meanwhile,
// the kernel answers such a segment with a RST that says nothing about a close (seen in a capture: after both FINs and
// their acknowledgements). Loopback loses nothing, so nothing is retransmitted here before the retransmission timeout.
const LOOPBACK_UP = `
import contextlib, fcntl, os, socket, struct, sys
for name, value in [("tcp_early_retrans", 0), ("tcp_recovery", 0), ("tcp_sack", 0), ("tcp_reordering", 300)]:
    with contextlib.suppress(OSError), open(f"/proc/sys/net/ipv4/{name}", "w") as setting:
        setting.write(str(value))
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    flags = struct.unpack_from("h", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16s24x", b"lo")), 16)[0]
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))
os.execvp(sys.argv[1], sys.argv[1:])
`;

// As root, or as any user where the kernel lets any user make user namespaces.
const CANDIDATES = ['-n', '-rn'].map((flags) => ['unshare', flags, python, '-c', LOOPBACK_UP]);

let found: string[] | null | undefined;

function find(): string[] | null {
  const works = ([command, ...args]: string[]) =>
    spawnSync(command as string, [...args, 'true'], { stdio: 'ignore' }).status === 0;
  found ??= process.platform === 'linux' ? (CANDIDATES.find(works) ?? null) : null;
  return found;
}

/** Whether this machine lets us make network namespaces. */
export function netnsPermitted(): boolean {
  return find() !== null;
}

/** The reason of a skip: append it to a test's name. */
export const NETNS_SKIPPED = netnsPermitted() ? '' : ' [skipped: network namespaces are not permitted here]';

/**
 * A command to put before another (`prefix` of a fixture), which then runs in a new namespace, with its child
 * processes.
 */
export function netns(): string[] {
  const prefix = find();
  if (!prefix) throw new Error('network namespaces are not permitted here: ask netnsPermitted() first');
  return prefix;
}

/** How many RST have been sent in the network namespace of a process since the namespace was made. */
export function resetsSentIn(pid: number): number {
  return countersIn(pid, 'snmp', 'Tcp').OutRsts as number;
}

/** The same counters by reason, with the kernel's names: TCPAbortOnClose counts closes with unread data. */
export function resetsWithReasonsIn(pid: number): Record<string, number> {
  const reasons = Object.entries(countersIn(pid, 'netstat', 'TcpExt')).filter(
    ([name, count]) => name.startsWith('TCPAbort') && count > 0,
  );
  return { resets: resetsSentIn(pid), ...Object.fromEntries(reasons) };
}

function countersIn(pid: number, file: string, group: string): Record<string, number> {
  const [names = [], figures = []] = readFileSync(`/proc/${pid}/net/${file}`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${group}: `))
    .map((line) => line.split(' ').slice(1));
  return Object.fromEntries(names.map((name, i) => [name, Number(figures[i])]));
}
