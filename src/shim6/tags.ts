import { contextTag, type ContextTag, type Millis, type RandomSource } from '../wire/units.js';

/** Freed tags remembered at most; the oldest go first. */
const MAX_HELD = 65_536;

/**
 * Hands out CT(local): 47 unstructured random bits, unique among the living and among those freed lately
 * (RFC 5533 §7.1, §9).
 */
export class TagAllocator {
  readonly #random: RandomSource;
  readonly #used = new Set<ContextTag>();
  readonly #held = new Map<ContextTag, Millis>();

  constructor(random: RandomSource) {
    this.#random = random;
  }

  allocate(): ContextTag {
    for (;;) {
      const b = this.#random.bytes(6);
      let value = (b[0] ?? 0) & 0x7f;
      for (let i = 1; i < 6; i++) value = value * 256 + (b[i] ?? 0);
      const tag = contextTag(value);
      if (this.#used.has(tag) || this.#held.has(tag)) continue;
      this.#used.add(tag);
      return tag;
    }
  }

  /** Gives a tag back; it is not handed out again before `until`. */
  free(tag: ContextTag, now: Millis, until: Millis): void {
    if (!this.#used.delete(tag)) return;
    for (const [old, end] of this.#held) {
      if (end > now && this.#held.size < MAX_HELD) break;
      this.#held.delete(old);
    }
    this.#held.set(tag, until);
  }
}
