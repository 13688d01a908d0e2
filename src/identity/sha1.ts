import nodeCrypto from 'node:crypto';

/** Octets of a SHA-1 value. */
export const SHA1_LENGTH = 20;

// crypto.hash came with Node 20.12 and costs less than half of a Hash object; the oldest Node 20 goes without.
const oneShot = (nodeCrypto as { readonly hash?: typeof nodeCrypto.hash }).hash;

/** SHA-1, the hash of CGA and HBA (RFC 3972 §3; RFC 4982 §3 on why its collisions do not matter here). */
export const sha1: (octets: Uint8Array) => Uint8Array =
  oneShot === undefined
    ? (octets) => nodeCrypto.createHash('sha1').update(octets).digest()
    : (octets) => oneShot('sha1', octets, 'buffer');
