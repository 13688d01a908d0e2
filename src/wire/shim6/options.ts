import { addressFromBytes, addressToBytes } from '../address.js';
import { inRange, roundUp8, setU16, setU32, u16, u32, u8 } from '../bytes.js';
import { WireError } from '../errors.js';
import { failure } from '../result.js';
import { ERROR_CODE, OPTION_TYPE } from './constants.js';
import type {
  ControlMessage,
  LocatorList,
  LocatorPreference,
  LocatorPreferences,
  OptionName,
  Shim6Option,
} from './message.js';
import type { ControlFailure } from './result.js';

/** No honest message needs more; each costs the receiver an object (our limit, not the RFC's). */
export const MAX_OPTIONS = 64;

const ESTABLISHMENT: readonly OptionName[] = [
  'locatorList',
  'locatorPreferences',
  'cgaParameterDataStructure',
  'cgaSignature',
  'keepaliveTimeout', // RFC 5534 §5.3: in I2, I2bis, R2 and Update Request
];
const IDENTIFYING: readonly OptionName[] = ['ulidPair', 'forkedInstanceIdentifier'];

/** Which options a message may carry (RFC 5533 §5.4 to §5.12, RFC 5534 §5). */
export const VALID_OPTIONS: Readonly<
  Record<Exclude<ControlMessage['message'], 'error'>, ReadonlySet<OptionName>>
> = {
  i1: new Set(IDENTIFYING),
  r1: new Set<OptionName>(['responderValidator']),
  i2: new Set<OptionName>(['responderValidator', ...IDENTIFYING, ...ESTABLISHMENT]),
  r2: new Set(ESTABLISHMENT),
  r1bis: new Set<OptionName>(['responderValidator']),
  i2bis: new Set<OptionName>(['responderValidator', ...IDENTIFYING, ...ESTABLISHMENT]),
  updateRequest: new Set(ESTABLISHMENT),
  updateAcknowledgement: new Set(),
  keepalive: new Set(),
  probe: new Set(),
};

const NAME_OF = new Map<number, OptionName>(
  (Object.keys(OPTION_TYPE) as OptionName[]).map((name) => [OPTION_TYPE[name], name]),
);

// -- encoding ---------------------------------------------------------------------------------------------------

/**
 * The options, each padded with zeros to a multiple of 8 octets (RFC 5533 §5.15).
 * @throws WireError REHOME_E_RANGE (a field out of range, a second option of one kind, too many options),
 *   REHOME_E_OPTION (an option that RFC 5533 doesn't define for this message)
 */
export function encodeOptions(
  message: keyof typeof VALID_OPTIONS,
  options: readonly Shim6Option[],
): Uint8Array[] {
  inRange('number of options', options.length, MAX_OPTIONS);
  const seen = new Set<string>();
  return options.map((option) => {
    if (option.option !== 'unknown') {
      if (!VALID_OPTIONS[message].has(option.option)) {
        throw new WireError(
          'REHOME_E_OPTION',
          `${option.option} is not an option of ${message}`,
          0,
          option,
        );
      }
      if (seen.has(option.option)) {
        throw new WireError('REHOME_E_RANGE', `${option.option} given twice`, 0, option);
      }
      seen.add(option.option);
    }
    return encodeOption(option);
  });
}

function encodeOption(option: Shim6Option): Uint8Array {
  const type =
    option.option === 'unknown'
      ? inRange('option type', option.type, 0x7fff)
      : OPTION_TYPE[option.option];
  const contents = encodeContents(option);
  const out = new Uint8Array(roundUp8(4 + inRange('option length', contents.length, 0xffff)));
  setU16(out, 0, type * 2 + (option.critical === true ? 1 : 0));
  setU16(out, 2, contents.length);
  out.set(contents, 4);
  return out;
}

function encodeContents(option: Shim6Option): Uint8Array {
  switch (option.option) {
    case 'responderValidator':
      return option.validator;
    case 'locatorList':
      return encodeLocatorList(option);
    case 'locatorPreferences':
      return encodeLocatorPreferences(option);
    case 'cgaParameterDataStructure':
      return option.parameters;
    case 'cgaSignature':
      return option.signature;
    case 'ulidPair': {
      const out = new Uint8Array(36);
      out.set(addressToBytes(option.senderUlid), 4);
      out.set(addressToBytes(option.receiverUlid), 20);
      return out;
    }
    case 'forkedInstanceIdentifier': {
      const out = new Uint8Array(4);
      const id = option.forkedInstanceIdentifier;
      setU32(out, 0, inRange('forkedInstanceIdentifier', id, 0xffffffff));
      return out;
    }
    case 'keepaliveTimeout': {
      const out = new Uint8Array(4);
      setU16(out, 2, inRange('keepaliveTimeout', option.keepaliveTimeout, 0xffff));
      return out;
    }
    case 'unknown':
      return option.contents;
  }
}

/** Contents octets before the locators: they start on an 8-octet boundary of the option (RFC 5533 §5.15.2). */
const locatorsAt = (count: number): number => roundUp8(9 + count) - 4;

function encodeLocatorList(option: LocatorList): Uint8Array {
  const count = inRange('number of locators', option.locators.length, 255);
  const out = new Uint8Array(locatorsAt(count) + 16 * count);
  setU32(out, 0, inRange('generation', option.generation, 0xffffffff));
  out[4] = count;
  option.locators.forEach((locator, i) => {
    out[5 + i] = inRange('verification method', locator.method, 255);
    out.set(addressToBytes(locator.address), locatorsAt(count) + 16 * i);
  });
  return out;
}

function encodeLocatorPreferences(option: LocatorPreferences): Uint8Array {
  const size = inRange('elementLength', option.elementLength, 3, 1);
  const out = new Uint8Array(5 + size * option.elements.length);
  setU32(out, 0, inRange('generation', option.generation, 0xffffffff));
  out[4] = size;
  option.elements.forEach((element, i) => {
    const octets = [element.flags, element.priority, element.weight];
    octets.forEach((octet, j) => {
      if (j < size) out[5 + size * i + j] = inRange('preference', octet ?? NaN, 255);
      else if (octet !== undefined) {
        // Silently losing a priority would be worse than refusing.
        throw new WireError('REHOME_E_RANGE', `element length ${size} is too short`, 0, element);
      }
    });
  });
  return out;
}

// -- decoding ---------------------------------------------------------------------------------------------------

const malformed = (offset: number, reason = 'bad-option'): ControlFailure =>
  failure('REHOME_E_OPTION', offset, reason);

/**
 * Walks the options in `bytes[from, to)`, offsets from the start of the Shim6 header.
 *
 * An option that is unknown, or not one of this message, stays as `unknown` when C=0 and refuses the message with an
 * Error reply when C=1 (RFC 5533 §5.15). A second option of a known kind makes the message malformed: all of them are
 * single-valued, and choosing either would let an attacker show two receivers two different messages.
 */
export function decodeOptions(
  message: keyof typeof VALID_OPTIONS,
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly ok: true; readonly options: Shim6Option[] } | ControlFailure {
  const options: Shim6Option[] = [];
  const seen = new Set<OptionName>();
  for (let at = from; at < to;) {
    if (options.length === MAX_OPTIONS) return malformed(at, 'too-many-options');
    if (at + 4 > to) return malformed(at);
    const critical = (u16(bytes, at) & 1) === 1;
    const length = u16(bytes, at + 2);
    const total = roundUp8(4 + length);
    if (at + total > to) return malformed(at + 2);
    const name = NAME_OF.get(u16(bytes, at) >>> 1);
    const contents = bytes.subarray(at + 4, at + 4 + length);
    if (name === undefined || !VALID_OPTIONS[message].has(name)) {
      if (critical) return criticalOption(at);
      const type = u16(bytes, at) >>> 1;
      options.push({ option: 'unknown', type, contents: contents.slice(), offset: at });
    } else {
      if (seen.has(name)) return malformed(at, 'duplicate-option');
      seen.add(name);
      const option = decodeContents(name, contents);
      if (option === undefined) return malformed(at + 4);
      options.push({ ...option, ...(critical ? { critical } : {}), offset: at });
    }
    at += total;
  }
  return { ok: true, options };
}

const criticalOption = (at: number): ControlFailure => ({
  ...failure('REHOME_E_CRITICAL_OPTION', at, 'critical-option'),
  reply: { errorCode: ERROR_CODE.criticalOption, pointer: at },
});

/** Undefined when the contents don't have the length that their kind asks for. */
function decodeContents(name: OptionName, contents: Uint8Array): Shim6Option | undefined {
  switch (name) {
    case 'responderValidator':
      return { option: name, validator: contents.slice() };
    case 'locatorList':
      return decodeLocatorList(contents);
    case 'locatorPreferences':
      return decodeLocatorPreferences(contents);
    case 'cgaParameterDataStructure':
      return { option: name, parameters: contents.slice() };
    case 'cgaSignature':
      return { option: name, signature: contents.slice() };
    case 'ulidPair':
      if (contents.length !== 36) return undefined;
      return {
        option: name,
        senderUlid: addressFromBytes(contents, 4),
        receiverUlid: addressFromBytes(contents, 20),
      };
    case 'forkedInstanceIdentifier':
      if (contents.length !== 4) return undefined;
      return { option: name, forkedInstanceIdentifier: u32(contents, 0) };
    case 'keepaliveTimeout':
      if (contents.length !== 4) return undefined;
      return { option: name, keepaliveTimeout: u16(contents, 2) };
  }
}

function decodeLocatorList(contents: Uint8Array): LocatorList | undefined {
  if (contents.length < 5) return undefined;
  const count = u8(contents, 4);
  const start = locatorsAt(count);
  if (contents.length !== start + 16 * count) return undefined;
  const locators = Array.from({ length: count }, (_, i) => ({
    address: addressFromBytes(contents, start + 16 * i),
    method: u8(contents, 5 + i),
  }));
  return { option: 'locatorList', generation: u32(contents, 0), locators };
}

/** Elements longer than three octets start with the three we know (RFC 5533 §5.15.3). */
function decodeLocatorPreferences(contents: Uint8Array): LocatorPreferences | undefined {
  const size = u8(contents, 4);
  if (contents.length < 5 || size === 0 || (contents.length - 5) % size !== 0) return undefined;
  const elements: LocatorPreference[] = [];
  for (let at = 5; at < contents.length; at += size) {
    elements.push({
      flags: u8(contents, at),
      ...(size >= 2 ? { priority: u8(contents, at + 1) } : {}),
      ...(size >= 3 ? { weight: u8(contents, at + 2) } : {}),
    });
  }
  const generation = u32(contents, 0);
  return { option: 'locatorPreferences', generation, elementLength: size, elements };
}
