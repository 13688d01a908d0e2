import { WireError } from './errors.js';

/**
 * Big-endian reads and writes. Reads past the end give zero bits: every decoder checks lengths first, and a decoder
 * that forgot must not throw at a hostile packet.
 */
export const u8 = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0;

export const u16 = (bytes: Uint8Array, offset: number): number =>
  (u8(bytes, offset) << 8) | u8(bytes, offset + 1);

export const u32 = (bytes: Uint8Array, offset: number): number =>
  ((u16(bytes, offset) << 16) | u16(bytes, offset + 2)) >>> 0;

/** The low 47 bits of the 6 octets at `offset`: where every Shim6 format keeps a context tag. */
export const u47 = (bytes: Uint8Array, offset: number): number =>
  (u16(bytes, offset) & 0x7fff) * 2 ** 32 + u32(bytes, offset + 2);

export function setU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function setU32(bytes: Uint8Array, offset: number, value: number): void {
  setU16(bytes, offset, value >>> 16);
  setU16(bytes, offset + 2, value & 0xffff);
}

/** Writes 47 bits; the bit above them is left as it is. */
export function setU47(bytes: Uint8Array, offset: number, value: number): void {
  setU16(bytes, offset, (u8(bytes, offset) & 0x80) * 256 + Math.floor(value / 2 ** 32));
  setU32(bytes, offset + 2, value % 2 ** 32);
}

export const roundUp8 = (length: number): number => Math.ceil(length / 8) * 8;

/**
 * The value itself when it is an integer in 0..`max`.
 * @throws WireError REHOME_E_RANGE
 */
export function inRange(name: string, value: number, max: number, min = 0): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new WireError('REHOME_E_RANGE', `${name} is not in ${min}..${max}: ${value}`, 0, value);
  }
  return value;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Lower-case hexadecimal digits, two per octet. */
export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** The octets of an even run of hexadecimal digits, or undefined when it is not one. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}
