import { createHmac, timingSafeEqual } from 'node:crypto';
import { addressToBytes, type Address } from '../wire/address.js';
import type { ContextTag, Millis, RandomSource } from '../wire/units.js';

/** What an R1 validator is bound to (RFC 5533 §7.10.1). */
export interface R1Binding {
  readonly initiatorTag: ContextTag;
  readonly senderUlid: Address;
  readonly receiverUlid: Address;
  readonly source: Address;
  readonly destination: Address;
  readonly forkedInstanceIdentifier: number;
}

/** What an R1bis validator is bound to (RFC 5533 §7.17.1). */
export interface R1bisBinding {
  readonly packetTag: ContextTag;
  readonly source: Address;
  readonly destination: Address;
}

/** Octets of a validator: with the option header a multiple of 8. */
const LENGTH = 20;
/** The nonce counter moves this often within a validator's lifetime. */
const STEPS = 6;
/** Lifetimes that one secret serves; the one before it is still accepted. */
const SECRET_LIFETIMES = 4;

/**
 * Lets a responder stay without state until I2: the validator is a keyed hash of what I1 said, and the responder
 * nonce is a clock that tells its age (RFC 5533 §7.10.1, §7.17.1). The key is renewed; the one before is accepted
 * until the next renewal.
 */
export class Validators {
  readonly #random: RandomSource;
  readonly #lifetime: number;
  #secret: Uint8Array;
  #previous: Uint8Array | undefined;
  #renewedAt: Millis;
  /** So that a nonce does not tell how long this host has been up. */
  readonly #offset: number;

  constructor(random: RandomSource, lifetime: number, now: Millis) {
    this.#random = random;
    this.#lifetime = lifetime;
    this.#secret = random.bytes(32);
    this.#offset = random.uint32();
    this.#renewedAt = now;
  }

  /** The responder nonce of this moment. */
  nonce(now: Millis): number {
    return (this.#offset + Math.floor((now * STEPS) / this.#lifetime)) >>> 0;
  }

  /** Not from the future, and no older than VALIDATOR_MIN_LIFETIME (RFC 5533 §7.13). */
  isRecent(nonce: number, now: Millis): boolean {
    return (this.nonce(now) - nonce) >>> 0 <= STEPS;
  }

  forR1(binding: R1Binding, nonce: number, now: Millis): Uint8Array {
    this.#renew(now);
    return hash(this.#secret, nonce, r1Input(binding));
  }

  forR1bis(binding: R1bisBinding, nonce: number, now: Millis): Uint8Array {
    this.#renew(now);
    return hash(this.#secret, nonce, r1bisInput(binding));
  }

  checkI2(binding: R1Binding, nonce: number, validator: Uint8Array, now: Millis): boolean {
    return this.#check(r1Input(binding), nonce, validator, now);
  }

  checkI2bis(binding: R1bisBinding, nonce: number, validator: Uint8Array, now: Millis): boolean {
    return this.#check(r1bisInput(binding), nonce, validator, now);
  }

  #check(input: readonly Uint8Array[], nonce: number, validator: Uint8Array, now: Millis): boolean {
    this.#renew(now);
    if (validator.length !== LENGTH || !this.isRecent(nonce, now)) return false;
    if (timingSafeEqual(hash(this.#secret, nonce, input), validator)) return true;
    return (
      this.#previous !== undefined && timingSafeEqual(hash(this.#previous, nonce, input), validator)
    );
  }

  #renew(now: Millis): void {
    const age = now - this.#renewedAt;
    const period = SECRET_LIFETIMES * this.#lifetime;
    if (age < period) return;
    // After a long silence not even the last key is young enough to be accepted.
    this.#previous = age < 2 * period ? this.#secret : undefined;
    this.#secret = this.#random.bytes(32);
    this.#renewedAt = now;
  }
}

function hash(secret: Uint8Array, nonce: number, input: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', secret).update(number(nonce, 4));
  for (const part of input) mac.update(part);
  return new Uint8Array(mac.digest().subarray(0, LENGTH));
}

const R1 = Uint8Array.of(2);
const R1BIS = Uint8Array.of(5);

const r1Input = (b: R1Binding): readonly Uint8Array[] => [
  R1,
  number(b.initiatorTag, 6),
  addressToBytes(b.senderUlid),
  addressToBytes(b.receiverUlid),
  addressToBytes(b.source),
  addressToBytes(b.destination),
  number(b.forkedInstanceIdentifier, 4),
];

const r1bisInput = (b: R1bisBinding): readonly Uint8Array[] => [
  R1BIS,
  number(b.packetTag, 6),
  addressToBytes(b.source),
  addressToBytes(b.destination),
];

/** `value` in `length` octets, most significant first; exact up to 2^48. */
function number(value: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return out;
}
