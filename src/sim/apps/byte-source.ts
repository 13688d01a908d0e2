import { SeededRandom } from '../random.js';

/** A prime, so that no segment size lines up with it: an octet in the wrong place is a wrong octet. */
const PERIOD = 65_521;

/** An endless known sequence of octets, to be sent and recognised. */
export class ByteSource {
  readonly #octets: Buffer;

  constructor(seed: string) {
    this.#octets = Buffer.from(new SeededRandom(seed).bytes(PERIOD));
  }

  /** The octets `[offset, offset + length)` of the sequence. */
  read(offset: number, length: number): Uint8Array {
    const out = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const at = (offset + done) % PERIOD;
      done += this.#octets.copy(out, done, at, Math.min(PERIOD, at + length - done));
    }
    return out;
  }

  /** How many octets at the start of `bytes` are those of the sequence from `offset` on. */
  matching(bytes: Uint8Array, offset: number): number {
    if (Buffer.compare(bytes, this.read(offset, bytes.length)) === 0) return bytes.length;
    const right = this.read(offset, bytes.length);
    return bytes.findIndex((octet, i) => octet !== right[i]);
  }
}
