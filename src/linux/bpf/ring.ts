import type { BpfMap } from './map.js';
import { mapShared, type Mapping, pageSize } from './memory.js';

const BUSY = 0x80000000;
const DISCARDED = 0x40000000;
const HEADER = 8;

/** The reading end of a BPF_MAP_TYPE_RINGBUF: memory only, no system call. */
export class RingReader {
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #data: DataView;
  readonly #size: number;
  #position: bigint;

  /** @throws SyscallError */
  constructor(map: BpfMap) {
    const page = pageSize();
    this.#size = map.definition.maxEntries;
    this.#consumer = mapShared(map.fd, page, 0, true);
    // The data follow twice in a row, so that a record is never in two pieces.
    this.#producer = mapShared(map.fd, page + 2 * this.#size, page, false);
    this.#consumed = new BigUint64Array(this.#consumer.bytes.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.bytes.buffer, 0, 1);
    this.#data = new DataView(this.#producer.bytes.buffer, page);
    this.#position = this.#consumed[0] ?? 0n;
  }

  /** Copies of every finished record since the last call, oldest first; at most `limit`. */
  read(limit = 1024): Uint8Array[] {
    const out: Uint8Array[] = [];
    const end = Atomics.load(this.#produced, 0);
    while (this.#position < end && out.length < limit) {
      const at = Number(this.#position % BigInt(this.#size));
      const header = this.#data.getUint32(at, true);
      if (header & BUSY) break; // being written right now
      const length = header & ~(BUSY | DISCARDED);
      if (!(header & DISCARDED)) {
        const start = this.#data.byteOffset + at + HEADER;
        out.push(new Uint8Array(this.#data.buffer.slice(start, start + length)));
      }
      this.#position += BigInt((length + HEADER + 7) & ~7);
      Atomics.store(this.#consumed, 0, this.#position);
    }
    return out;
  }

  close(): void {
    this.#consumer.unmap();
    this.#producer.unmap();
  }
}
