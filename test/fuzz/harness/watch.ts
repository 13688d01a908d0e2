/**
 * What fuzzing thread and watcher share: how many inputs were begun, and the one that is being run, so that the watcher
 * knows what it hangs in after it had to end the thread.
 */
const HEAD = 16;
const ROOM = 1 << 17;

export const newShared = (): SharedArrayBuffer => new SharedArrayBuffer(HEAD + ROOM);

export class Beat {
  readonly #numbers: Int32Array;
  readonly #octets: Uint8Array;

  constructor(shared: SharedArrayBuffer) {
    this.#numbers = new Int32Array(shared, 0, HEAD / 4);
    this.#octets = new Uint8Array(shared, HEAD);
  }

  begin(input: Uint8Array): void {
    this.#octets.set(input);
    this.#numbers[1] = input.length;
    Atomics.add(this.#numbers, 0, 1);
  }
  /** Changes with every input. */
  get count(): number {
    return Atomics.load(this.#numbers, 0);
  }
  current(): Uint8Array {
    return this.#octets.slice(0, this.#numbers[1]);
  }
}
