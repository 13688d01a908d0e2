import {
  encodeExtensions,
  encodeParameters,
  decodeParameters,
  hasPublicKey,
  multiPrefixExtension,
} from '../../../src/identity/parameters.js';
import { setU16, u16 } from '../../../src/wire/bytes.js';
import { must, refusing, type Target, type Unit } from '../harness/target.js';
import { mustEqual, sameOctets } from '../support/equal.js';
import { identities } from '../support/identities.js';
import { soundly } from '../support/refusal.js';

const KEY_AT = 25;

export const target: Target = {
  name: 'cga-parameters',
  about: 'CGA Parameters data structures, with extensions and the key in them',
  code: ['src/identity/parameters', 'src/identity/rsa-key'],
  maxLength: 2200,
  seeds: () => identities().flatMap((i) => i.addresses.map((a) => a.parameters)),
  units,
  repair,
  run(octets) {
    const decoded = soundly(decodeParameters(octets), octets.length);
    if (!decoded) return;
    const { parameters: p } = decoded;
    must(sameOctets(p.octets, octets), 'the hashes are over what came');
    const extensionFields = encodeExtensions(p.extensions);
    const again = refusing(['REHOME_E_COLLISION_COUNT'], () =>
      encodeParameters({ ...p, extensionFields }),
    );
    must((again === undefined) === p.collisionCount > 2, 'a collision count is 0, 1 or 2');
    if (again) must(sameOctets(again, octets), 'a structure after a round trip');
    if (!p.multiPrefix) return;
    must(p.multiPrefix.prefixes.length > 0, 'a set has a prefix');
    must(
      p.multiPrefix.prefixes.every((x) => x.length === 8),
      'a prefix has 8 octets',
    );
    must(hasPublicKey(p) === p.multiPrefix.publicKey, 'the P flag says whether there is a key');
    const { data } = multiPrefixExtension(p.multiPrefix);
    const came = p.extensions.find((e) => e.type === 0x12)?.data.slice() ?? new Uint8Array();
    // 31 reserved bits are hashed and mean nothing.
    came.fill(0, 1, 4);
    came[0] = (came[0] ?? 0) & 0x80;
    mustEqual(data, came, 'the Multi-Prefix extension after a round trip');
  },
};

/** Octets of the DER structure at `at`, from its own length. */
function derLength(octets: Uint8Array, at: number): number {
  const first = octets[at + 1] ?? 0;
  if (first < 0x80) return 2 + first;
  return first === 0x81 ? 3 + (octets[at + 2] ?? 0) : 4 + u16(octets, at + 2);
}

/** The key, and the extensions behind it. */
function units(octets: Uint8Array): Unit[] {
  const out: Unit[] = [];
  let from = Math.min(octets.length, KEY_AT + derLength(octets, KEY_AT));
  if (from > KEY_AT) out.push({ from: KEY_AT, to: from });
  while (from + 4 <= octets.length) {
    const to = Math.min(octets.length, from + 4 + u16(octets, from + 2));
    out.push({ from, to });
    from = to;
  }
  return out;
}

/** The last extension ends where the structure does. */
function repair(octets: Uint8Array): Uint8Array {
  const last = units(octets).at(-1);
  if (last === undefined || last.from <= KEY_AT || last.from + 4 > octets.length) return octets;
  const out = octets.slice();
  setU16(out, last.from + 2, octets.length - last.from - 4);
  return out;
}
