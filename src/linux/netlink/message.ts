import { addressFromBytes, addressToBytes, type Address } from '../../wire/address.js';
import { WireError } from '../../wire/errors.js';

/** One netlink message. Numbers are little-endian, as on both architectures rehome runs on. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** A request before the socket gives it its sequence number. */
export type NetlinkRequest = Pick<NetlinkMessage, 'type' | 'flags' | 'payload'>;

export const HEADER_LENGTH = 16;
const align = (length: number): number => (length + 3) & ~3;

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The message with its header, padded to a multiple of four octets. */
export function encodeMessage(message: NetlinkMessage): Uint8Array {
  const length = HEADER_LENGTH + message.payload.length;
  const out = new Uint8Array(align(length));
  const view = viewOf(out);
  view.setUint32(0, length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  view.setUint32(12, message.port, true);
  out.set(message.payload, HEADER_LENGTH);
  return out;
}

/**
 * All messages of one datagram. Payloads are views into `bytes`.
 * @throws WireError REHOME_E_NETLINK when a length does not fit.
 */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const out: NetlinkMessage[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length;) {
    const left = bytes.length - at;
    const length = left >= HEADER_LENGTH ? view.getUint32(at, true) : 0;
    if (length < HEADER_LENGTH || length > left) {
      throw new WireError('REHOME_E_NETLINK', `netlink message of ${length} in ${left} octets`, at);
    }
    out.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + HEADER_LENGTH, at + length),
    });
    at += align(length);
  }
  return out;
}

/** Attributes by type, flag bits (NLA_F_NESTED, NLA_F_NET_BYTEORDER) off; of doubles the last one counts. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

/** @throws WireError REHOME_E_NETLINK when a length does not fit; up to three octets of padding may follow. */
export function decodeAttributes(bytes: Uint8Array, offset = 0): Attributes {
  const out = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = offset; bytes.length - at >= 4;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) {
      throw new WireError(
        'REHOME_E_NETLINK',
        `attribute of ${length} octets, ${bytes.length - at} left`,
        at,
      );
    }
    out.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return out;
}

/** One attribute, padded. @throws WireError REHOME_E_NETLINK over 65,531 octets. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = 4 + value.length;
  if (length > 0xffff) {
    throw new WireError('REHOME_E_NETLINK', `attribute ${type} is too long: ${length}`, 0);
  }
  const out = new Uint8Array(align(length));
  const view = viewOf(out);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  out.set(value, 4);
  return out;
}

export const nested = (type: number, ...attributes: readonly Uint8Array[]): Uint8Array =>
  attribute(type | 0x8000, concat(...attributes));

export const u8 = (type: number, value: number): Uint8Array =>
  attribute(type, Uint8Array.of(value));
export function u32(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return attribute(type, bytes);
}
/** A string with its terminating zero. */
export const text = (type: number, value: string): Uint8Array =>
  attribute(type, concat(new TextEncoder().encode(value), Uint8Array.of(0)));
export const address = (type: number, value: Address): Uint8Array =>
  attribute(type, addressToBytes(value));

/** Readers: undefined when the attribute is absent or too short. */
export const readU8 = (attributes: Attributes, type: number): number | undefined =>
  attributes.get(type)?.[0];
export function readU32(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value === undefined || value.length < 4 ? undefined : viewOf(value).getUint32(0, true);
}
export function readText(attributes: Attributes, type: number): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}
export function readAddress(attributes: Attributes, type: number): Address | undefined {
  const value = attributes.get(type);
  return value?.length === 16 ? addressFromBytes(value) : undefined;
}
export function readNested(attributes: Attributes, type: number): Attributes {
  return decodeAttributes(attributes.get(type) ?? new Uint8Array());
}

/** @throws WireError REHOME_E_NETLINK when the fixed part of a message is not all there. */
export function needLength(payload: Uint8Array, length: number, what: string): DataView {
  if (payload.length < length) {
    throw new WireError('REHOME_E_NETLINK', `${what}: ${payload.length} of ${length} octets`, 0);
  }
  return viewOf(payload);
}
