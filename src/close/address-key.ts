// Which connections are of one peer, as far as an address can tell.

/** Without it, a peer could choose addresses whose keys are those of others. */
const SEED = Math.floor(Math.random() * 2 ** 32);

/**
 * A number for the address of a peer: the same one for all addresses of an IPv6 network of 64 bits, which usually
 * belongs to one customer, and for an IPv4 address in IPv6 form. Addresses that are unknown, as on UNIX sockets, have
 * one number.
 */
export function addressKey(address: string | undefined): number {
  let hash = SEED;
  // FNV-1a. A number takes less memory than the text.
  for (const character of networkOf(address ?? '')) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash;
}

function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  const [head = [], tail = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = address.includes('::') ? Math.max(8 - head.length - tail.length, 0) : 0;
  return [...head, ...Array<string>(zeros).fill('0'), ...tail].slice(0, 4).join(':');
}
