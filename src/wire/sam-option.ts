import { addressFromBytes, addressToBytes, type Address } from './address.js';
import { inRange, setU16, setU32, u16, u32, u8 } from './bytes.js';
import { prefixOf, type Prefix } from './prefix.js';
import { failure, type DecodeFailure } from './result.js';

/**
 * The Router Advertisement option that carries one parent interface of a SAM zone (draft-despres-sam-03 §3.1; layout and
 * rules are ours, docs/decisions/sam-parameters.md). `contents` is what follows type and length, as in nd-options.ts.
 *
 *      0               1               2               3
 *     |     253       |    Length     |  Experiment = "SA" (0x5341)   |
 *     |   Version 1   |   Hop Count   | Prefix Count  |   Reserved    |
 *     |                           Sequence                            |
 *     |                 Parent Local Address (16 octets)              |
 *     | Prefix Length |                  Reserved                     |  for each prefix
 *     |                        Valid Lifetime                         |
 *     |                      Preferred Lifetime                       |
 *     |       Prefix: the least number of 4 octets that holds it      |
 *     |  zeros to a multiple of 8 octets                              |
 */

/** RFC 4727 §4.1: for experiments; the 16 bits behind it tell this one from others. */
export const SAM_OPTION_TYPE = 253;
export const SAM_EXPERIMENT = 0x5341;
export const SAM_OPTION_VERSION = 1;
/** Seconds that never end, as in RFC 4861 §4.6.2. */
export const FOR_EVER = 0xffffffff;

/** Octets from the start of the contents: everything before the first prefix. */
const HEAD = 26;
const ENTRY = 12;
/** Type, length and contents of the longest option. */
const MAX_OPTION = 8 * 255;

/** One prefix delegated to the zone at the option's parent interface. Lifetimes are seconds. */
export interface SamPrefix {
  readonly prefix: Prefix;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

/** A parent interface, with prefixes of its list. Prefixes it does not name are not withdrawn by that. */
export interface SamParameters {
  readonly option: 'samParameters';
  /** Routers this has passed since the parent itself sent it. */
  readonly hopCount: number;
  /** Set by the parent, compared as a serial number: what it says with a higher one replaces the rest. */
  readonly sequence: number;
  readonly parent: Address;
  readonly prefixes: readonly SamPrefix[];
}

/** The octets as they are, not judged: for showing what came. */
export interface SamOptionView {
  readonly experiment: number;
  readonly version: number;
  readonly hopCount: number;
  readonly prefixCount: number;
  readonly reserved: number;
  readonly sequence: number;
  /** As far as the octets go: fewer than `prefixCount` in an option that is too short. */
  readonly entries: readonly SamEntryView[];
  readonly parent: Address;
  /** Octets behind the last entry. */
  readonly padding: number;
}
export interface SamEntryView {
  /** Octets from the start of the contents. */
  readonly offset: number;
  readonly prefixLength: number;
  readonly reserved: number;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
  /** With the bits past the prefix length that the octets hold. */
  readonly address: Address;
}

const prefixOctets = (length: number): number => 4 * Math.ceil(Math.min(length, 128) / 32);

/** The option's fields, or undefined where there are not even all fixed ones. Never throws. */
export function viewSamOption(contents: Uint8Array): SamOptionView | undefined {
  if (contents.length < HEAD) return undefined;
  const prefixCount = u8(contents, 4);
  const entries: SamEntryView[] = [];
  let at = HEAD;
  while (entries.length < prefixCount) {
    const prefixLength = u8(contents, at);
    const end = at + ENTRY + prefixOctets(prefixLength);
    if (end > contents.length) break;
    const octets = new Uint8Array(16);
    octets.set(contents.subarray(at + ENTRY, end));
    entries.push({
      offset: at,
      prefixLength,
      reserved: u32(contents, at) & 0xffffff,
      validLifetime: u32(contents, at + 4),
      preferredLifetime: u32(contents, at + 8),
      address: addressFromBytes(octets),
    });
    at = end;
  }
  return {
    experiment: u16(contents, 0),
    version: u8(contents, 2),
    hopCount: u8(contents, 3),
    prefixCount,
    reserved: u8(contents, 5),
    sequence: u32(contents, 6),
    parent: addressFromBytes(contents, 10),
    entries,
    padding: contents.length - at,
  };
}

/** Whether an option of type 253 is ours, and not another experiment's. */
export const isSamOption = (contents: Uint8Array): boolean =>
  contents.length >= 2 && u16(contents, 0) === SAM_EXPERIMENT;

/**
 * A parent and its prefixes. Reserved fields and padding are not looked at; every other thing that the layout above does
 * not allow is refused, with the offset into the contents. Never throws.
 */
export function decodeSamOption(
  contents: Uint8Array,
): { readonly ok: true; readonly parameters: SamParameters } | DecodeFailure {
  if (!isSamOption(contents)) return failure('REHOME_E_SAM_OPTION', 0, 'other-experiment');
  if (contents.length > 2 && u8(contents, 2) !== SAM_OPTION_VERSION) {
    return failure('REHOME_E_SAM_OPTION', 2, 'unknown-version');
  }
  const view = viewSamOption(contents);
  if (view === undefined) {
    return failure('REHOME_E_SAM_OPTION', contents.length, 'truncated');
  }
  const prefixes: SamPrefix[] = [];
  for (const entry of view.entries) {
    const { offset, prefixLength, validLifetime, preferredLifetime, address } = entry;
    if (prefixLength > 128) return failure('REHOME_E_SAM_OPTION', offset, 'bad-prefix-length');
    const prefix = prefixOf(address, prefixLength);
    if (prefix.address !== address) {
      return failure('REHOME_E_SAM_OPTION', offset + ENTRY, 'stray-prefix-bit');
    }
    if (preferredLifetime > validLifetime) {
      return failure('REHOME_E_SAM_OPTION', offset + 8, 'bad-lifetimes');
    }
    prefixes.push({ prefix, validLifetime, preferredLifetime });
  }
  if (view.entries.length < view.prefixCount) {
    return failure('REHOME_E_SAM_OPTION', contents.length - view.padding, 'truncated');
  }
  if (view.padding >= 8) {
    return failure('REHOME_E_SAM_OPTION', contents.length - view.padding, 'trailing-octets');
  }
  const { hopCount, sequence, parent } = view;
  return {
    ok: true,
    parameters: { option: 'samParameters', hopCount, sequence, parent, prefixes },
  };
}

/**
 * The octets behind type and length.
 * @throws WireError REHOME_E_RANGE for a field its bits cannot hold, preferred over valid lifetime, too many prefixes
 */
export function encodeSamOption(parameters: SamParameters): Uint8Array {
  const { hopCount, sequence, parent, prefixes } = parameters;
  const size = samOptionSize(prefixes);
  inRange('SAM option in octets', size, MAX_OPTION);
  const out = new Uint8Array(size - 2);
  setU16(out, 0, SAM_EXPERIMENT);
  out[2] = SAM_OPTION_VERSION;
  out[3] = inRange('hop count', hopCount, 255);
  out[4] = inRange('prefix count', prefixes.length, 255);
  setU32(out, 6, inRange('sequence', sequence, 0xffffffff));
  out.set(addressToBytes(parent), 10);
  let at = HEAD;
  for (const { prefix, validLifetime, preferredLifetime } of prefixes) {
    out[at] = inRange('prefix length', prefix.length, 128);
    setU32(out, at + 4, inRange('valid lifetime', validLifetime, FOR_EVER));
    setU32(out, at + 8, inRange('preferred lifetime', preferredLifetime, validLifetime));
    const octets = prefixOctets(prefix.length);
    out.set(addressToBytes(prefix.address).subarray(0, octets), at + ENTRY);
    at += ENTRY + octets;
  }
  return out;
}

/** Octets of a whole option, type and length included. */
export function samOptionSize(prefixes: readonly SamPrefix[]): number {
  const entries = prefixes.reduce((sum, p) => sum + ENTRY + prefixOctets(p.prefix.length), 0);
  return 8 * Math.ceil((2 + HEAD + entries) / 8);
}

/**
 * The same parameters for as many advertisements as it takes: in each, options of at most `room` octets together. A parent
 * whose list is long is named in several options. An advertisement may be lost without harm to the others.
 * @param room octets, at least 56: one parent with one prefix
 * @throws WireError REHOME_E_RANGE
 */
export function splitSamParameters(all: readonly SamParameters[], room: number): SamParameters[][] {
  const limit = Math.min(inRange('room', room, 0xffff, 56), MAX_OPTION);
  const out: SamParameters[][] = [];
  let left = 0;
  const add = (parameters: SamParameters): void => {
    const size = samOptionSize(parameters.prefixes);
    if (out.length === 0 || size > left) {
      out.push([]);
      left = room;
    }
    out.at(-1)?.push(parameters);
    left -= size;
  };
  for (const parameters of all) {
    let part: SamPrefix[] = [];
    for (const prefix of parameters.prefixes) {
      const size = samOptionSize([...part, prefix]);
      // Rather a second option than a new advertisement with the front one half empty.
      const full = size > (left >= 56 ? Math.min(left, limit) : limit) || part.length === 255;
      if (part.length > 0 && full) {
        add({ ...parameters, prefixes: part });
        part = [];
      }
      part.push(prefix);
    }
    if (part.length > 0) add({ ...parameters, prefixes: part });
  }
  return out;
}
