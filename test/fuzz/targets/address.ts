import { isIPv6 } from 'node:net';
import {
  addressFromBytes,
  addressToBytes,
  commonPrefixLength,
  parseAddress,
  type Address,
} from '../../../src/wire/address.js';
import {
  formatPrefix,
  maskAddress,
  parsePrefix,
  prefixContains,
} from '../../../src/wire/prefix.js';
import { must, octetsOf, refusing, textOf, type Target, type Unit } from '../harness/target.js';

const TEXTS = [
  '2001:db8::1',
  '::',
  '::1',
  'fe80::1:2:3:4',
  '1:2:3:4:5:6:7:8',
  '::ffff:192.0.2.33',
  '64:ff9b::192.0.2.33',
  '2001:db8:0:0:1:0:0:1',
  '2001:DB8:A1::/48',
  '2001:db8::/32',
  'ff02::1/128',
  '::/0',
];

export const target: Target = {
  name: 'address',
  about: 'texts of addresses and prefixes, against Node’s own parsers',
  code: ['src/wire/address', 'src/wire/prefix'],
  constants: 'text',
  words: ['::', ':', '0', 'ffff', '1.2.3.4', '/', '/64', '%eth0', '00001', '255', '256'],
  maxLength: 64,
  seeds: () => TEXTS.map(octetsOf),
  units: groups,
  run(input) {
    const text = textOf(input);
    const address = refusing(['REHOME_E_ADDRESS'], () => parseAddress(text));
    // A zone identifier is no part of an address that goes into a packet.
    must(
      (address !== undefined) === (isIPv6(text) && !text.includes('%')),
      'Node agrees whether it is an address',
    );
    if (address !== undefined) canonical(address, text);
    const prefix = refusing(['REHOME_E_ADDRESS', 'REHOME_E_PREFIX'], () => parsePrefix(text));
    if (!prefix) return;
    must(
      parsePrefix(formatPrefix(prefix)).address === prefix.address,
      'a prefix after a round trip',
    );
    must(maskAddress(prefix.address, prefix.length) === prefix.address, 'nothing past its length');
    must(prefixContains(prefix, prefix.address), 'a prefix holds its own address');
  },
};

function canonical(address: Address, text: string): void {
  const octets = addressToBytes(address);
  must(octets.length === 16, 'sixteen octets');
  must(addressFromBytes(octets) === address, 'the text of the octets is the address');
  must(parseAddress(address) === address, 'a canonical text stays as it is');
  must(commonPrefixLength(address, address) === 128, 'an address is like itself');
  // The URL parser writes IPv6 addresses as RFC 5952 does, IPv4-mapped ones in hexadecimal like we do.
  must(new URL(`http://[${text}]/`).hostname === `[${address}]`, 'Node writes it the same way');
}

/** Runs of digits. */
function groups(input: Uint8Array): Unit[] {
  return [...textOf(input).matchAll(/[0-9a-f]+|[:.]+|\//gi)].map((m) => ({
    from: m.index,
    to: m.index + m[0].length,
  }));
}
