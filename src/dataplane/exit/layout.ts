import { addressToBytes } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';

/** The structures of bpf/exit.bpf.c, seen from here. Everything in the machine's (little-endian) order but addresses. */

/** `enum counter` of bpf/exit.bpf.c, in its order; test/dataplane/exit.layout.test.ts compares the two. */
export const EXIT_COUNTERS = ['unknown-source', 'wrong-uplink', 'notice-not-sent'] as const;
export type ExitCounter = (typeof EXIT_COUNTERS)[number];

export const EXIT_SIZE = { tally: 64, interface: 8, event: 1_248 } as const;
/** Uplinks and prefixes at most. */
export const EXIT_MOST = { uplinks: 16, prefixes: 64 } as const;
export const GUARD = 1;

const REASONS = { 1: 'unknown-source', 2: 'uplink-down', 3: 'wrong-uplink' } as const;
export type RefusalReason = (typeof REASONS)[keyof typeof REASONS];

/** A packet that did not go out. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Index of the source's uplink; meaningless with `unknown-source`. */
  readonly uplink: number;
  /** The interface it came in by; 0: it is our own. */
  readonly ifindex: number;
  /** The packet, or its beginning. */
  readonly packet: Uint8Array;
}

/** What one uplink has carried and refused. */
export interface Tally {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly refusedPackets: number;
}

/** `struct prefix_key`. */
export function prefixKey(prefix: Prefix): Uint8Array {
  const out = new Uint8Array(20);
  new DataView(out.buffer).setUint32(0, prefix.length, true);
  out.set(addressToBytes(prefix.address), 4);
  return out;
}

/** `struct interface`. @param uplinks indices of those that are reached by it */
export function interfaceOctets(uplinks: readonly number[], guard: boolean): Uint8Array {
  const mask = uplinks.reduce((bits, i) => bits | (1 << i), 0);
  return new Uint8Array(new Uint32Array([mask, guard ? GUARD : 0]).buffer);
}

/** Reads `struct event`; undefined for a reason that this version does not know. */
export function readRefusal(octets: Uint8Array): Refusal | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const reason = REASONS[view.getUint32(0, true) as keyof typeof REASONS] as
    RefusalReason | undefined;
  if (reason === undefined) return undefined;
  return {
    reason,
    uplink: view.getUint32(4, true),
    ifindex: view.getUint32(12, true),
    packet: octets.slice(16, 16 + view.getUint32(8, true)),
  };
}

/** Reads `struct tally` number `index` of the mapped array. */
export function readTally(words: BigUint64Array, index: number): Tally {
  const at = (field: number): number => Number(words[(index * EXIT_SIZE.tally) / 8 + field] ?? 0n);
  return {
    sentPackets: at(0),
    sentBytes: at(1),
    receivedPackets: at(2),
    receivedBytes: at(3),
    refusedPackets: at(4),
  };
}
