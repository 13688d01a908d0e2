import { Buffer } from 'node:buffer';
import type { SeededRandom } from '../../../src/sim/random.js';

/** A part of an input that can be taken out, doubled, moved or exchanged: an option, a header, a line. */
export interface Unit {
  readonly from: number;
  /** One past the last octet. */
  readonly to: number;
}

/** One thing to be fuzzed, and how to tell that something is wrong with it. */
export interface Target {
  /** Also the name of its corpus and of the folder of its vectors. */
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  /** Paths whose coverage counts and whose constants are tried, from the root of the repository. */
  readonly code: readonly string[];
  /** Octets of an input at most; default 2048. */
  readonly maxLength?: number;
  /** What constants look like in an input; default `octets`. `none`: the input is a program, constants mean nothing. */
  readonly constants?: 'octets' | 'text' | 'none';
  /** More to try besides the constants of the code. */
  readonly words?: readonly (Uint8Array | string)[];
  /** Valid inputs to begin with. */
  seeds(): readonly Uint8Array[];
  /** Throws when something is wrong. What it does depends on the input alone. */
  run(input: Uint8Array): void | Promise<void>;
  /** The units of an input, in order. The mutators work on them as often as on octets. */
  units?(input: Uint8Array): readonly Unit[];
  /** Puts lengths and checksums right after a mutation, most of the time, so that inputs get past the first checks. */
  repair?(input: Uint8Array, random: SeededRandom): Uint8Array;
  /** An input in words, for whoever reads a finding. */
  explain?(input: Uint8Array): string;
  /** Ends what `run` started: servers, files. */
  close?(): Promise<void>;
}

/** What a target throws when an oracle says no. */
export class OracleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OracleError';
  }
}

/** Throws an OracleError unless `condition` holds; `what` says what should have held. */
export function must(condition: boolean, what: string | (() => string)): asserts condition {
  if (!condition) throw new OracleError(typeof what === 'string' ? what : what());
}

/** The result, or undefined when it threw an error with one of these codes; anything else is let through. */
export function refusing<T>(codes: readonly string[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && codes.includes(code)) return undefined;
    throw error;
  }
}

const utf8 = new TextDecoder();
/** Octets as text; what is not UTF-8 becomes U+FFFD. */
export const textOf = (input: Uint8Array): string => utf8.decode(input);
export const octetsOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));
