import { maxSubnetDigits } from '../../sam/local.js';
import { addressToBytes, parseAddress, type Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';

/** The structures of bpf/sam-layout.h, seen from here. Little-endian but for addresses in keys of LPM tries. */

/** `enum counter`, in its order; test/dataplane/sam.layout.test.ts compares the two. */
export const SAM_COUNTERS = [
  'encapsulated',
  'decapsulated',
  'delivered',
  'error-told',
  'limit-told',
  'tell-limited',
  'drop-source-not-in-zone',
  'drop-source-mismatch',
  'drop-wrong-gateway',
  'drop-destination-not-in-zone',
  'drop-destination-mismatch',
  'drop-wrong-parent',
  'drop-no-such-child',
  'drop-source-policy',
  'drop-not-below',
  'drop-inner-malformed',
  'drop-outer-fragment',
  'drop-inner-not-global',
  'drop-source-is-below',
  'drop-congestion-mark',
  'drop-unencapsulated',
  'drop-local-from-outside',
  'drop-no-such-address',
  'drop-no-provider-link',
  'drop-no-link',
  'drop-rewrite-failed',
] as const;
export type SamCounter = (typeof SAM_COUNTERS)[number];

export const SIZE = { entry: 56, below: 8, above: 96, lpm: 28, fact: 24, settings: 16, event: 1528 } as const; // prettier-ignore
export const LIMITS = { chain: 4, siblings: 2, entries: 512, tables: 4, regions: 2_048 } as const;
/** Of `rehome0`: "rhsam" in a locally administered address. */
export const DEVICE_MAC = Uint8Array.of(0x02, 0x72, 0x68, 0x73, 0x61, 0x6d);

export const FACT = {
  local: 1,
  subnet: 2,
  parent: 3,
  zoneParent: 4,
  link: 5,
  constant: 6,
} as const;
export type FactKind = (typeof FACT)[keyof typeof FACT];

export const u32Octets = (value: number): Uint8Array =>
  new Uint8Array(new Uint32Array([value]).buffer);
export const u64Octets = (value: number): Uint8Array =>
  new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);

/** The two halves of an address as numbers, as the programs calculate with them. */
function putAddress(view: DataView, offset: number, address: Address): void {
  const bytes = addressToBytes(address);
  const from = new DataView(bytes.buffer, bytes.byteOffset, 16);
  view.setBigUint64(offset, from.getBigUint64(0), true);
  view.setBigUint64(offset + 8, from.getBigUint64(8), true);
}

export interface Entry {
  readonly prefix: Prefix;
  readonly parent: Address;
  /** Our local address among the parents: we are a gateway of this prefix. */
  readonly gateway: Address | undefined;
  readonly constant: Prefix;
  /** Slot of the next shorter prefix of the zone that this one lies in, plus one; 0: none. */
  readonly next: number;
  readonly index: number;
  readonly zone: number;
}

/** `struct entry` */
export function entryOctets(e: Entry): Uint8Array {
  const out = new Uint8Array(SIZE.entry);
  const view = new DataView(out.buffer);
  putAddress(view, 0, e.parent);
  if (e.gateway !== undefined) putAddress(view, 16, e.gateway);
  const constant = addressToBytes(e.constant.address);
  view.setBigUint64(32, new DataView(constant.buffer, constant.byteOffset).getBigUint64(0), true);
  view.setUint32(40, e.next, true);
  view.setUint16(44, e.index, true);
  view.setUint16(46, e.zone, true);
  view.setUint8(48, e.prefix.length);
  view.setUint8(49, e.constant.length);
  view.setUint8(50, maxSubnetDigits(e.constant));
  return out;
}

/** Bits of an LPM key before the address: generation and zone. */
const SCOPE_BITS = 64;

/** `struct lpm_key`: the generation and the zone as numbers, then the address in the order of the wire. */
export function lpmKey(generation: number, zone: number, prefix: Prefix): Uint8Array {
  const out = new Uint8Array(SIZE.lpm);
  const view = new DataView(out.buffer);
  view.setUint32(0, SCOPE_BITS + prefix.length, true);
  view.setUint32(4, generation, true);
  view.setUint32(8, zone, true);
  out.set(addressToBytes(prefix.address), 12);
  return out;
}

const REGION = { nowhere: 0, host: 1, child: 2, provider: 3, zone: 4 } as const;

/** Where destinations of a region lead; `entry`: the slot of the prefix that says which child. */
export interface Below {
  readonly region: 'host' | 'child' | 'provider';
  readonly entry: number;
}
/** `struct below` */
export function belowOctets({ region, entry }: Below): Uint8Array {
  const out = new Uint8Array(SIZE.below);
  const view = new DataView(out.buffer);
  view.setUint32(0, REGION[region], true);
  view.setUint32(4, entry, true);
  return out;
}

/** How packets from a region of sources leave. */
export interface Above {
  /** Our local addresses that the source belongs to, at most `LIMITS.siblings`. */
  readonly siblings: readonly { readonly zone: number; readonly local: Address }[];
  readonly way:
    | { readonly region: 'zone'; readonly zone: number; readonly local: Address; readonly parent: Address } // prettier-ignore
    | { readonly region: 'provider'; readonly ifindex: number }
    | { readonly region: 'nowhere' };
}
/** `struct above` */
export function aboveOctets({ siblings, way }: Above): Uint8Array {
  const out = new Uint8Array(SIZE.above);
  const view = new DataView(out.buffer);
  siblings.forEach(({ zone, local }, i) => {
    putAddress(view, i * 24, local);
    view.setUint32(i * 24 + 16, zone + 1, true);
  });
  if (way.region === 'zone') {
    putAddress(view, 48, way.local);
    putAddress(view, 64, way.parent);
    view.setUint32(84, way.zone, true);
  }
  view.setUint32(80, REGION[way.region], true);
  if (way.region === 'provider') view.setUint32(88, way.ifindex, true);
  return out;
}

/** `struct fact_key` */
export function factKey(
  generation: number,
  kind: FactKind,
  scope: number,
  value: Address,
): Uint8Array {
  const out = new Uint8Array(SIZE.fact);
  const view = new DataView(out.buffer);
  view.setUint32(0, generation, true);
  view.setUint16(4, kind, true);
  view.setUint16(6, scope, true);
  putAddress(view, 8, value);
  return out;
}

/** A small number where a fact wants an address. */
export const numberAsAddress = (value: number): Address => parseAddress(`::${value.toString(16).replace(/(.{1,4})(.{4})$/, '$1:$2')}`); // prettier-ignore

/** `struct settings` */
export function settingsOctets(generation: number, ifindex: number): Uint8Array {
  const out = new Uint8Array(SIZE.settings);
  const view = new DataView(out.buffer);
  view.setUint32(0, generation, true);
  view.setUint32(4, ifindex, true);
  return out;
}

const EVENT_KINDS = ['none', 'drop', 'error', 'limit'] as const;

/** `struct event`: a packet that needs an answer, a translation, or more than the programs can do. */
export interface SamKernelEvent {
  readonly kind: (typeof EVENT_KINDS)[number];
  /** Of a drop. */
  readonly reason: SamCounter | undefined;
  readonly zone: number;
  /** Where it was seen. */
  readonly ifindex: number;
  /** From its IPv6 header on, cut to 1504 octets. */
  readonly packet: Uint8Array;
}
export function readEvent(record: Uint8Array): SamKernelEvent {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const length = view.getUint32(8, true);
  const kind = EVENT_KINDS[view.getUint32(0, true)] ?? 'none';
  return {
    kind,
    reason: kind === 'drop' ? SAM_COUNTERS[view.getUint32(4, true)] : undefined,
    zone: view.getUint32(12, true),
    ifindex: view.getUint32(16, true),
    packet: record.slice(24, 24 + length),
  };
}
