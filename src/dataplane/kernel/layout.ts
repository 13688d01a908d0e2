import { addressFromBytes, addressToBytes, samePair, type Address } from '../../wire/address.js';
import type { ContextBinding, FlowSample, Liveness } from '../datapath.js';
import type { Millis } from '../../wire/units.js';
import { COUNTER } from '../counters.js';

/** The structures of bpf/layout.h, seen from here. Everything in the machine's (little-endian) order but addresses. */

/** `enum counter`, in its order; test/dataplane/kernel.layout.test.ts compares the two. */
export const COUNTER_NAMES = [
  COUNTER.encoded,
  COUNTER.decoded,
  COUNTER.sentUnshimmed,
  COUNTER.receivedUnshimmed,
  COUNTER.controlReceived,
  COUNTER.unknownTag,
  'bypass',
  COUNTER.icmpTranslated,
  COUNTER.icmpAbsorbed,
  'packet-too-big-sent',
  'event-lost',
  COUNTER.dropUlidNotLocal,
  COUNTER.dropSourceNotPeerLocator,
  COUNTER.dropMalformed,
  COUNTER.dropNested,
  'drop-no-context',
  'drop-no-uplink',
  COUNTER.dropTooBig,
  'drop-headers-too-long',
  'drop-rewrite-failed',
  'drop-segmented',
  'drop-flood',
  'drop-denial',
] as const;

export const SIZE = { context: 96, liveness: 64, flow: 40, event: 1296, settings: 24 } as const;
export const FLAG = { shimmed: 1 } as const;
export const SETTING = { deliverAllIcmp: 1 } as const;
export const EVENT = { icmp: 1, bypass: 2 } as const;

const P_BIT = 2n ** 47n;

/** Where a context's packets leave. `ifindex` 0: nowhere, they are dropped. */
export interface Uplink {
  readonly ifindex: number;
  readonly mtu: number;
}

const both = (first: Address, second: Address): Uint8Array => {
  const out = new Uint8Array(32);
  out.set(addressToBytes(first));
  out.set(addressToBytes(second), 16);
  return out;
};

/** `struct pair` of the ULIDs. */
export const ulidsKey = (b: ContextBinding): Uint8Array => both(b.ulids.local, b.ulids.peer);

export const u32Octets = (value: number): Uint8Array =>
  new Uint8Array(new Uint32Array([value]).buffer);
export const u64Octets = (value: number | bigint): Uint8Array =>
  new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);

function withAddress(head: Uint8Array, address: Address): Uint8Array {
  const out = new Uint8Array(24);
  out.set(head);
  out.set(addressToBytes(address), 8);
  return out;
}
/** `struct source_key` */
export const sourceKey = (slot: number, source: Address): Uint8Array =>
  withAddress(u32Octets(slot), source);
/** `struct peer_tag_key` */
export const peerTagKey = (tag: number, peer: Address): Uint8Array =>
  withAddress(u64Octets(tag), peer);

/** `struct context` */
export function contextOctets(slot: number, b: ContextBinding, uplink: Uplink): Uint8Array {
  const out = new Uint8Array(SIZE.context);
  const view = new DataView(out.buffer);
  out.set(ulidsKey(b), 0);
  out.set(both(b.pair.local, b.pair.peer), 32);
  view.setBigUint64(64, BigInt(b.localTag), true);
  // RFC 5533 §5.2: Next Header and Hdr Ext Len 0, P = 1, 47 bits of tag; as on the wire.
  view.setBigUint64(72, P_BIT | BigInt(b.peerTag), false);
  view.setUint32(80, slot, true);
  view.setUint32(84, samePair(b.pair, b.ulids) ? 0 : FLAG.shimmed, true);
  view.setUint32(88, uplink.ifindex, true);
  view.setUint32(92, uplink.mtu, true);
  return out;
}

/** `struct settings`; `secret`: 8 octets that nobody can foresee. */
export function settingsOctets(flags: number, shimIfindex: number, secret: Uint8Array): Uint8Array {
  const out = new Uint8Array(SIZE.settings);
  const view = new DataView(out.buffer);
  view.setUint32(0, flags, true);
  view.setUint32(4, shimIfindex, true);
  out.set(secret.subarray(0, 8), 16);
  return out;
}

const toMillis = (nanoseconds: bigint): Millis => (Number(nanoseconds / 1000n) / 1000) as Millis;
const stamp = (nanoseconds: bigint): Millis | undefined =>
  nanoseconds === 0n ? undefined : toMillis(nanoseconds);

/** `struct liveness` at `slot` of the mapped array. */
export function readLiveness(array: BigUint64Array, slot: number): Liveness {
  const field = (n: number): bigint => array[slot * 8 + n] ?? 0n;
  const [lastSent, lastReceived] = [field(4), field(5)];
  let [unanswered, owed] = [field(6), field(7)];
  // Two CPUs may have written at once: the younger direction wins (RFC 5534 §4.1: never both).
  if (unanswered !== 0n && owed !== 0n) {
    if (lastSent >= lastReceived) owed = 0n;
    else unanswered = 0n;
  }
  return {
    sentPackets: Number(field(0)),
    sentBytes: Number(field(1)),
    receivedPackets: Number(field(2)),
    receivedBytes: Number(field(3)),
    lastSent: stamp(lastSent),
    lastReceived: stamp(lastReceived),
    unansweredSince: stamp(unanswered),
    owedSince: stamp(owed),
  };
}

/** `struct pair` and `struct flow` */
export function readFlow(key: Uint8Array, value: Uint8Array): FlowSample {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return {
    local: addressFromBytes(key, 0),
    peer: addressFromBytes(key, 16),
    packets: Number(view.getBigUint64(0, true)),
    bytes: Number(view.getBigUint64(8, true)),
    firstSeen: toMillis(view.getBigUint64(16, true)),
    lastSeen: toMillis(view.getBigUint64(24, true)),
    outbound: view.getUint8(32) !== 0,
    protocol: view.getUint8(33),
    peerPort: view.getUint16(34, true),
  };
}

/** `struct event` */
export interface KernelEvent {
  readonly kind: number;
  readonly slot: number;
  readonly ifindex: number;
  readonly packet: Uint8Array;
}
export function readEvent(record: Uint8Array): KernelEvent {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const length = view.getUint32(8, true);
  return {
    kind: view.getUint32(0, true),
    slot: view.getUint32(4, true),
    ifindex: view.getUint32(12, true),
    packet: record.slice(16, 16 + length),
  };
}
