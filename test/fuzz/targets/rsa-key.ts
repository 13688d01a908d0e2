import { createPublicKey, type KeyObject } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { keyRefusal, parseRsaKey, checkGenerationKey } from '../../../src/identity/rsa-key.js';
import { loadPublicKey } from '../../../src/identity/signature.js';
import { note } from '../harness/coverage.js';
import { must, refusing, type Target, type Unit } from '../harness/target.js';
import { publicKey } from '../../identity/support.js';
import { soundly } from '../support/refusal.js';

export const target: Target = {
  name: 'rsa-key',
  about: 'RSA keys as DER SubjectPublicKeyInfo, against OpenSSL',
  code: ['src/identity/rsa-key', 'src/identity/signature'],
  maxLength: 700,
  seeds: () => (['rsa384', 'rsa512', 'rsa1024', 'rsa2048'] as const).map(publicKey),
  units: elements,
  run(octets) {
    const key = soundly(parseRsaKey(octets), octets.length);
    const fit = refusing(['REHOME_E_PUBLIC_KEY'], () => checkGenerationKey(octets));
    must(fit === undefined || key !== undefined, 'what addresses are made from can be read');
    if (!key) return;
    must(key.length <= octets.length && key.keyOffset < key.length, 'the key is in the octets');
    note(`refusal ${keyRefusal(key) ?? 'none'}`);
    const whole = octets.subarray(0, key.length);
    const loaded = loadPublicKey(whole);
    if (keyRefusal(key, 384) !== undefined) return;
    const theirs = openssl(whole);
    note(`openssl ${theirs !== undefined}`);
    must((loaded !== undefined) === (theirs !== undefined), 'OpenSSL agrees whether it is a key');
    if (!theirs) return;
    const { modulusLength, publicExponent } = theirs.asymmetricKeyDetails ?? {};
    must(modulusLength === key.modulusBits, 'OpenSSL finds as many bits in the modulus');
    must(
      (publicExponent ?? 0n).toString(2).length === Math.max(1, key.exponentBits),
      'and in the exponent',
    );
  },
};

function openssl(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** Every DER element that can be seen from outside in. */
export function elements(octets: Uint8Array): Unit[] {
  const out: Unit[] = [];
  const CONSTRUCTED = 0x20;
  const look = (from: number, limit: number): void => {
    for (let at = from; at + 2 <= limit && out.length < 60;) {
      const first = octets[at + 1] ?? 0;
      const long = first & 0x80 ? Math.min(first & 0x7f, 2) : 0;
      let length = long === 0 ? first : 0;
      for (let i = 0; i < long; i++) length = length * 256 + (octets[at + 2 + i] ?? 0);
      const start = at + 2 + long;
      const to = Math.min(limit, start + length);
      if (to <= at) return;
      out.push({ from: at, to });
      if (((octets[at] ?? 0) & CONSTRUCTED) !== 0) look(start, to);
      if (octets[at] === 0x03) look(start + 1, to);
      at = to;
    }
  };
  look(0, octets.length);
  return out;
}
