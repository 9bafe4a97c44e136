// Which addresses count as one peer.
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../src/close/address-key.ts';

describe('addressKey', () => {
  test.each([
    ['the same IPv4 address', '192.0.2.1', '192.0.2.1'],
    ['an IPv4 address in IPv6 form', '192.0.2.1', '::ffff:192.0.2.1'],
    ['two addresses of an IPv6 network', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
    ['a zero that is written and one that is not', '2001:db8:0:0::1', '2001:db8::1'],
    ['a network whose last part is left out', '2001:db8:1::7', '2001:db8:1:0:5:6:7:8'],
    ['::1 and another address of its network', '::1', '::2'],
    ['addresses that are unknown', undefined, undefined],
  ])('one key: %s', (_name, first, second) => {
    expect(addressKey(first)).toBe(addressKey(second));
  });

  test('different keys for all others', () => {
    const addresses = [
      undefined,
      '127.0.0.1',
      '127.0.0.2',
      '::1',
      '2001:db8::1',
      '2001:db8:0:1::1',
      '2001:db8:1::1',
      '2001:db8:0:0:1::1'.replace('0:0:1', '2:0:1'),
      'fe80::1',
    ];
    expect(new Set(addresses.map(addressKey)).size).toBe(addresses.length);
    const many = Array.from({ length: 60_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    // 60,000 of 2^32 keys: no collision is to be expected, and more than a few would be a fault of the hash.
    expect(new Set(many.map(addressKey)).size).toBeGreaterThan(59_990);
  });

  test('a number of 32 bits: a small integer takes no memory of its own', () => {
    expect(Number.isInteger(addressKey('192.0.2.1'))).toBe(true);
    expect(Math.abs(addressKey('192.0.2.1'))).toBeLessThanOrEqual(2 ** 31);
  });
});
