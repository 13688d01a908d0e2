declare const millis: unique symbol;
declare const tag: unique symbol;

/** Milliseconds since an arbitrary start (monotonic); fractions allowed. The only unit of time in engines. */
export type Millis = number & { readonly [millis]: true };

/** A Shim6 context tag: 47 bits, exact in a double (RFC 5533 §4.1). */
export type ContextTag = number & { readonly [tag]: true };

export const ms = (value: number): Millis => value as Millis;
export const addMs = (at: Millis, delta: number): Millis => (at + delta) as Millis;

/** The largest context tag, 2^47 - 1. */
export const MAX_CONTEXT_TAG = 2 ** 47 - 1;

export const contextTag = (value: number): ContextTag => value as ContextTag;

/** Twelve hexadecimal digits, as `rehome contexts` prints it. */
export const formatTag = (value: ContextTag): string => value.toString(16).padStart(12, '0');

/**
 * Where engines get randomness: the system's CSPRNG in the daemon (lesson 11 of LinShim6), a seeded generator in
 * the simulator and in tests.
 */
export interface RandomSource {
  /** Uniform in [0, 2^32). */
  uint32(): number;
  /** Uniform in [0, 1). */
  uniform(): number;
  /** `length` random octets. */
  bytes(length: number): Uint8Array;
}
