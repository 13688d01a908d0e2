import { addressToBytes, type Address } from '../../../../src/wire/address.js';
import { concatBytes, setU16, setU32, setU47, u16, u8 } from '../../../../src/wire/bytes.js';
import { internetChecksum } from '../../../../src/wire/checksum.js';
import type { Unit } from '../../harness/target.js';
import { shim6Units } from '../packet.js';
import { STRANGE, type World } from './world.js';

/** What somebody on the path may do to a packet, checksum and lengths put right afterwards. */

const SHIM6_AT = 40;
const octets = (packet: Uint8Array, u: Unit): Uint8Array => packet.subarray(u.from, u.to);
const without = (packet: Uint8Array, u: Unit): Uint8Array =>
  concatBytes(packet.subarray(0, u.from), packet.subarray(u.to));
const withInserted = (packet: Uint8Array, at: number, more: Uint8Array): Uint8Array =>
  concatBytes(packet.subarray(0, at), more, packet.subarray(at));

/** Everybody's addresses, and some that are nobody's. */
export const pool = ({ people: { addresses } }: World): readonly Address[] => [
  ...addresses.A,
  ...addresses.B,
  ...addresses.X,
  ...STRANGE,
];
export const anyOf = <T>(items: readonly T[], which: number): T | undefined =>
  items[which % Math.max(1, items.length)];

/** Tags that are in use somewhere, and one that is not. */
export const tags = (world: World): number[] => [
  ...world.hosts.flatMap((h) => h.views.flatMap((v) => [v.localTag ?? 1, v.peerTag ?? 2])),
  0x7fffffffffff,
];

const KINDS = 14;
/** Of these, one that may hit the IPv6 header too, and is not put right. */
const RAW = 13;

/** A changed copy of a packet that was sent. */
export function mutated(
  world: World,
  original: Uint8Array,
  kind: number,
  argument: number,
): Uint8Array {
  const out = change(world, original.slice(), kind % KINDS, argument);
  // One in sixteen keeps its wrong checksum and lengths.
  return kind % KINDS === RAW || argument >>> 28 === 0xf ? out : repaired(out);
}

function change(world: World, packet: Uint8Array, kind: number, argument: number): Uint8Array {
  const at = argument & 0xffff;
  const value = (argument >>> 16) & 0xff;
  const all = shim6Units(packet, SHIM6_AT);
  const unit = anyOf(all, at);
  const donor = anyOf(world.history, value) ?? packet;
  const grafted = anyOf(shim6Units(donor, SHIM6_AT), at >>> 8);
  switch (kind) {
    case 0:
      packet[SHIM6_AT + (at % Math.max(1, packet.length - SHIM6_AT))] = value;
      return packet;
    case 1:
      setU47(packet, SHIM6_AT + 6, anyOf(tags(world), at) ?? 0);
      return packet;
    case 2:
      if (packet.length >= SHIM6_AT + 16) setU32(packet, SHIM6_AT + 12, argument);
      return packet;
    case 3:
      return unit ? without(packet, unit) : packet;
    case 4:
      return unit ? withInserted(packet, unit.to, octets(packet, unit)) : packet;
    case 5:
      return unit
        ? withInserted(without(packet, unit), all[0]?.from ?? unit.from, octets(packet, unit))
        : packet;
    case 6:
      return grafted
        ? withInserted(packet, unit?.to ?? packet.length, octets(donor, grafted))
        : packet;
    case 7:
      return readdressed(packet, 8, anyOf(pool(world), at));
    case 8:
      return readdressed(
        packet,
        24,
        anyOf([...world.people.addresses.A, ...world.people.addresses.B], at),
      );
    case 9:
      packet[SHIM6_AT + 2] = [1, 2, 3, 4, 5, 6, 64, 65, 66, 67, 68, 69][at % 12] ?? 0;
      return packet;
    case 10:
      return packet.slice(0, Math.max(SHIM6_AT + 16, packet.length - 8 * (1 + (at & 7))));
    case 11:
      // An address inside an option or a report exchanged for another.
      return exchangedAddress(packet, at, anyOf(pool(world), value));
    case RAW:
      packet[at % packet.length] = value;
      return packet;
    default: {
      // An option that is larger than it was: what we repeat to others must still fit.
      if (!unit) return packet;
      const more = new Uint8Array(8 * (1 + (at & 0xff)));
      const out = withInserted(packet, unit.to, more);
      setU16(out, unit.from + 2, u16(packet, unit.from + 2) + more.length);
      return out;
    }
  }
}

export function readdressed(
  packet: Uint8Array,
  at: number,
  address: Address | undefined,
): Uint8Array {
  const out = packet.slice();
  if (address !== undefined && out.length >= at + 16) out.set(addressToBytes(address), at);
  return out;
}

/** Places of our addresses are told by how they begin: 2001:db8::/32. */
function exchangedAddress(packet: Uint8Array, which: number, by: Address | undefined): Uint8Array {
  const places: number[] = [];
  for (let i = SHIM6_AT + 8; i + 16 <= packet.length; i += 4) {
    if (u16(packet, i) === 0x2001 && u16(packet, i + 2) === 0x0db8) places.push(i);
  }
  const at = anyOf(places, which);
  return at === undefined ? packet : readdressed(packet, at, by);
}

/** Payload length, Hdr Ext Len and checksum of the control message. */
export function repaired(packet: Uint8Array): Uint8Array {
  const length = Math.min(packet.length, SHIM6_AT + 8 * 256);
  const out = packet.slice(0, SHIM6_AT + 8 * Math.floor((length - SHIM6_AT) / 8));
  setU16(out, 4, out.length - SHIM6_AT);
  if (out.length < SHIM6_AT + 8 || u8(out, SHIM6_AT + 2) >= 0x80) return out;
  out[SHIM6_AT + 1] = (out.length - SHIM6_AT) / 8 - 1;
  setU16(out, SHIM6_AT + 4, 0);
  setU16(out, SHIM6_AT + 4, internetChecksum(out, SHIM6_AT));
  return out;
}
