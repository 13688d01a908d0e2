import { addressFromBytes, addressToBytes } from './address.js';
import { concatBytes, inRange, setU32, u32, u8 } from './bytes.js';
import { prefixOf, type Prefix } from './prefix.js';
import {
  decodeSamOption,
  encodeSamOption,
  SAM_OPTION_TYPE,
  type SamParameters,
} from './sam-option.js';

/** Options of Neighbor Discovery (RFC 4861 §4.6, RFC 4191 §2.3). Lifetimes are seconds; 2^32-1 is for ever. */

export type RoutePreference = 'high' | 'medium' | 'low';

export type NdOption =
  | { readonly option: 'sourceLinkLayerAddress'; readonly address: Uint8Array }
  | { readonly option: 'targetLinkLayerAddress'; readonly address: Uint8Array }
  | {
      readonly option: 'prefixInformation';
      readonly prefix: Prefix;
      readonly onLink: boolean;
      readonly autonomous: boolean;
      readonly validLifetime: number;
      readonly preferredLifetime: number;
    }
  | { readonly option: 'mtu'; readonly mtu: number }
  | {
      readonly option: 'routeInformation';
      readonly prefix: Prefix;
      readonly preference: RoutePreference;
      readonly lifetime: number;
    }
  | SamParameters
  /** Of another type (RDNSS, for one), or of a form that its type doesn't have. `contents`: 8n - 2 octets. */
  | { readonly option: 'unknown'; readonly type: number; readonly contents: Uint8Array };

export const ND_OPTION = {
  sourceLinkLayerAddress: 1,
  targetLinkLayerAddress: 2,
  prefixInformation: 3,
  mtu: 5,
  routeInformation: 24,
  samParameters: SAM_OPTION_TYPE,
} as const;

/** Two bits, signed (RFC 4191 §2.1); 2 is reserved. */
const PREFERENCE: Readonly<Record<RoutePreference, number>> = { medium: 0, high: 1, low: 3 };

export const preferenceBits = (preference: RoutePreference): number => PREFERENCE[preference];
export const preferenceOf = (bits: number): RoutePreference | undefined =>
  (Object.keys(PREFERENCE) as RoutePreference[]).find((name) => PREFERENCE[name] === bits);

/** The options to the end of `bytes`, or the offset of one with a zero length or one that doesn't fit. */
export function readNdOptions(bytes: Uint8Array, from: number): NdOption[] | number {
  const options: NdOption[] = [];
  for (let at = from; at < bytes.length;) {
    const length = 8 * u8(bytes, at + 1);
    if (length === 0 || at + length > bytes.length) return at;
    options.push(readNdOption(u8(bytes, at), bytes.slice(at + 2, at + length)));
    at += length;
  }
  return options;
}

function readNdOption(type: number, contents: Uint8Array): NdOption {
  const unknown: NdOption = { option: 'unknown', type, contents };
  switch (type) {
    case ND_OPTION.sourceLinkLayerAddress:
      return { option: 'sourceLinkLayerAddress', address: contents };
    case ND_OPTION.targetLinkLayerAddress:
      return { option: 'targetLinkLayerAddress', address: contents };
    case ND_OPTION.prefixInformation:
      return readPrefixInformation(contents) ?? unknown;
    case ND_OPTION.mtu:
      return contents.length === 6 ? { option: 'mtu', mtu: u32(contents, 2) } : unknown;
    case ND_OPTION.routeInformation:
      return readRouteInformation(contents) ?? unknown;
    case ND_OPTION.samParameters: {
      const read = decodeSamOption(contents);
      return read.ok ? read.parameters : unknown;
    }
    default:
      return unknown;
  }
}

function readPrefixInformation(contents: Uint8Array): NdOption | undefined {
  const length = u8(contents, 0);
  if (contents.length !== 30 || length > 128) return undefined;
  return {
    option: 'prefixInformation',
    prefix: prefixOf(addressFromBytes(contents, 14), length),
    onLink: (u8(contents, 1) & 0x80) !== 0,
    autonomous: (u8(contents, 1) & 0x40) !== 0,
    validLifetime: u32(contents, 2),
    preferredLifetime: u32(contents, 6),
  };
}

/** A reserved preference makes the option one to ignore (RFC 4191 §2.3). */
function readRouteInformation(contents: Uint8Array): NdOption | undefined {
  const length = u8(contents, 0);
  const preference = preferenceOf((u8(contents, 1) >>> 3) & 3);
  const room = 8 * (contents.length - 6);
  if (preference === undefined || contents.length > 22 || length > Math.min(room, 128)) {
    return undefined;
  }
  const octets = new Uint8Array(16);
  octets.set(contents.subarray(6));
  const prefix = prefixOf(addressFromBytes(octets), length);
  return { option: 'routeInformation', prefix, preference, lifetime: u32(contents, 2) };
}

/** @throws WireError REHOME_E_RANGE */
export const writeNdOptions = (options: readonly NdOption[]): Uint8Array =>
  concatBytes(...options.map(writeNdOption));

function writeNdOption(option: NdOption): Uint8Array {
  const contents = ndContents(option);
  const type =
    option.option === 'unknown'
      ? inRange('option type', option.type, 255)
      : ND_OPTION[option.option];
  const units = inRange('option length in 8 octets', (contents.length + 2) / 8, 255, 1);
  return concatBytes(new Uint8Array([type, units]), contents);
}

function ndContents(option: NdOption): Uint8Array {
  switch (option.option) {
    case 'sourceLinkLayerAddress':
    case 'targetLinkLayerAddress':
      return option.address;
    case 'unknown':
      return option.contents;
    case 'samParameters':
      return encodeSamOption(option);
    case 'mtu': {
      const out = new Uint8Array(6);
      setU32(out, 2, inRange('mtu', option.mtu, 0xffffffff));
      return out;
    }
    case 'prefixInformation': {
      const out = new Uint8Array(30);
      out[0] = inRange('prefix length', option.prefix.length, 128);
      out[1] = (option.onLink ? 0x80 : 0) | (option.autonomous ? 0x40 : 0);
      setU32(out, 2, inRange('valid lifetime', option.validLifetime, 0xffffffff));
      setU32(out, 6, inRange('preferred lifetime', option.preferredLifetime, 0xffffffff));
      out.set(addressToBytes(option.prefix.address), 14);
      return out;
    }
    case 'routeInformation': {
      const { length, address } = option.prefix;
      const octets = inRange('prefix length', length, 128) > 64 ? 16 : length > 0 ? 8 : 0;
      const out = new Uint8Array(6 + octets);
      out[0] = length;
      out[1] = preferenceBits(option.preference) << 3;
      setU32(out, 2, inRange('route lifetime', option.lifetime, 0xffffffff));
      out.set(addressToBytes(address).subarray(0, octets), 6);
      return out;
    }
  }
}
