import { createCipheriv, createHash, type Cipher } from 'node:crypto';

const ZEROS = Buffer.alloc(64 * 1024);

/**
 * The byte sequence that sender and receiver both know: the AES-CTR key stream of a seed. Every octet depends on its
 * place, so that a lost, doubled or misplaced octet cannot go unseen.
 */
export class KnownStream {
  private readonly cipher: Cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest().subarray(0, 16);
    this.cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  }

  /** The next `length` octets. */
  next(length: number): Buffer {
    if (length <= ZEROS.length) return this.cipher.update(ZEROS.subarray(0, length));
    return this.cipher.update(Buffer.alloc(length));
  }
}

/** Checks an arriving stream against the known one; remembers the first octet that is wrong. */
export class StreamVerifier {
  received = 0;
  /** Place of the first wrong octet. */
  firstError: number | undefined;
  private readonly expected: KnownStream;

  constructor(seed: string) {
    this.expected = new KnownStream(seed);
  }

  /** Octets found right, in order, from the first on. */
  get verified(): number {
    return this.firstError ?? this.received;
  }

  accept(chunk: Uint8Array): void {
    const expected = this.expected.next(chunk.length);
    if (this.firstError === undefined && !expected.equals(chunk)) {
      let i = 0;
      while (expected[i] === chunk[i]) i++;
      this.firstError = this.received + i;
    }
    this.received += chunk.length;
  }
}
