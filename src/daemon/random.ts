import { randomBytes } from 'node:crypto';
import type { RandomSource } from '../wire/units.js';

const BLOCK = 4_096;

/** The system's CSPRNG, fetched in blocks: thousands of small draws cost one call (lesson 11 of LinShim6). */
export function systemRandom(): RandomSource {
  let block = Buffer.alloc(0);
  let used = 0;
  const take = (length: number): Buffer => {
    if (length > BLOCK) return randomBytes(length);
    if (used + length > block.length) {
      block = randomBytes(BLOCK);
      used = 0;
    }
    // A copy, and the source forgets it: a nonce that was handed out is not kept here.
    const out = Buffer.from(block.subarray(used, used + length));
    block.fill(0, used, used + length);
    used += length;
    return out;
  };
  return {
    uint32: () => take(4).readUInt32LE(),
    uniform: () => {
      const b = take(7);
      return (b.readUIntLE(0, 6) * 32 + ((b[6] ?? 0) & 31)) / 2 ** 53;
    },
    bytes: (length) => new Uint8Array(take(length)),
  };
}
