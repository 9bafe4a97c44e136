// The result of the demo: a table for people, an object for programs.
import type { Client } from './demo-clients.ts';
import { UPLOAD_BYTES } from './demo-clients.ts';
import { table, wrap } from './table.ts';

export interface Tally {
  ok: number;
  /** How many uploads ended in each error, by its name. */
  errors: Record<string, number>;
}

export interface Phase {
  /** In the order of the clients; undefined for a client that is not installed. */
  tallies: (Tally | undefined)[];
  resets: number | null;
  /** Why `resets` is null. */
  uncounted?: string;
}

export interface Phases {
  before: Phase;
  after: Phase;
  /** Node's clients with register-clients, and the server as before. */
  clientsHalf: Phase;
}

export function toJson(clients: Client[], { before, after, clientsHalf }: Phases): string {
  const result = {
    clients: clients.map(({ name }, index) => {
      const tallies = { before: before.tallies[index], after: after.tallies[index] };
      const registered = clientsHalf.tallies[index];
      return tallies.before ? { name, ...tallies, ...(registered && { registered }) } : { name, missing: true };
    }),
    resets: { before: before.resets, after: after.resets },
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}

export function toText(clients: Client[], { before, after, clientsHalf }: Phases, uploads: number): string {
  const rows = clients.map(({ title }, index) => {
    const tallies = [before.tallies[index], after.tallies[index]] as const;
    return [
      title,
      ...tallies.map((tally) => (tally ? `${tally.ok} of ${uploads}` : 'not installed')),
      whatTheRestGot(...tallies),
    ];
  });
  const missed = after.tallies.filter((tally) => tally && tally.ok < uploads).length;
  const size = `${UPLOAD_BYTES / 1e6} MB`;
  return `
${uploads} uploads of ${size} by each client, to a server that answers 413 at once, with "Connection: close".

  before   Node as it is
  after    the same, with lingerOnClose(server)

${table(
  [
    ['client', 'got the 413 before', 'after', 'what the rest got'],
    undefined,
    ...rows,
    undefined,
    ['connections reset', ...[before, after].map(({ resets }) => String(resets ?? 'not counted')), ''],
  ],
  'lrrl',
)}

${wrap(before.uncounted ? `Resets are not counted here: ${before.uncounted}.` : WHAT_IS_COUNTED)}

With lingerOnClose ${missed ? `${missed} of the clients missed a 413` : 'every client got every 413'}.

The other half: the same uploads to a server that you cannot change, Node as it is.

  before   the clients as Node is
  after    the same, with --import lingering-close/register-clients

${clientsTable(clients, before, clientsHalf, uploads)}
`;
}

function clientsTable(clients: Client[], before: Phase, after: Phase, uploads: number): string {
  const rows = clients.flatMap(({ title }, index) => {
    const [first, second] = [before.tallies[index], after.tallies[index]];
    if (!first || !second) return [];
    const answered = [first, second].map(({ ok }) => `${ok} of ${uploads}`);
    return [[title, ...answered, whatTheRestGot(first, second)]];
  });
  return table([['client', 'got the 413 before', 'after', 'what the rest got'], undefined, ...rows], 'lrrl');
}

const WHAT_IS_COUNTED =
  "Resets are the kernel's count of connections closed with unread data, or sent data after the close " +
  '(TCPAbortOnClose + TCPAbortOnData of /proc/net/netstat), in this network namespace: other programs in it count ' +
  'too. They say nothing of a reset behind a linger that a limit has ended; the clients do.';

/** There should be no errors with lingerOnClose. Where there are some, they are listed apart. */
function whatTheRestGot(before: Tally | undefined, after: Tally | undefined): string {
  const [first, second] = [listErrors(before), listErrors(after)];
  return second ? `${first || '-'}; after: ${second}` : first;
}

/** Most frequent first. */
function listErrors(tally: Tally | undefined): string {
  const errors = Object.entries(tally?.errors ?? {}).sort(([, a], [, b]) => b - a);
  return errors.map(([name, times]) => `${name} ${times}`).join(', ');
}
