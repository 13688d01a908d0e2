import { internetChecksum } from '../checksum.js';
import { concatBytes, setU16, u16, u8 } from '../bytes.js';
import { WireError } from '../errors.js';
import { failure } from '../result.js';
import { bodyLength, FIXED_LENGTH, readBody, writeBody } from './bodies.js';
import { ERROR_CODE, MAX_CONTROL_PACKET, MESSAGE_TYPE, NO_NEXT_HEADER } from './constants.js';
import type { ControlMessage, MessageName } from './message.js';
import { decodeOptions, encodeOptions } from './options.js';
import type { ControlFailure, ControlHeader, DecodeResult } from './result.js';

const NAME_OF = new Map<number, MessageName>(
  (Object.keys(MESSAGE_TYPE) as MessageName[]).map((name) => [MESSAGE_TYPE[name], name]),
);
const IPV6_HEADER = 40;

/** The message of a type number, or undefined for a type we don't know. */
export const messageNameOf = (type: number): MessageName | undefined => NAME_OF.get(type);

/**
 * The octets of a control message, from Next Header to the end, checksum filled in and reserved fields zero.
 * The last octets of an Error's packet may be zeros added to reach a multiple of 8.
 * @throws WireError REHOME_E_TOO_LARGE when the packet would exceed 1280 octets behind a bare IPv6 header
 *   (RFC 5533 §5.1), REHOME_E_RANGE for a field its bits cannot hold, REHOME_E_OPTION for an option that is not one
 *   of this message; use `{ option: 'unknown' }` to send one on purpose.
 */
export function encodeControl(message: ControlMessage): Uint8Array {
  const body = new Uint8Array(bodyLength(message));
  writeBody(body, message);
  const out = concatBytes(
    body,
    ...(message.message === 'error' ? [] : encodeOptions(message.message, message.options)),
  );
  if (IPV6_HEADER + out.length > MAX_CONTROL_PACKET) {
    throw new WireError(
      'REHOME_E_TOO_LARGE',
      `${message.message} of ${IPV6_HEADER + out.length} octets; signalling packets may have ${MAX_CONTROL_PACKET}: list fewer locators`,
      0,
      out.length,
    );
  }
  out[0] = NO_NEXT_HEADER;
  out[1] = out.length / 8 - 1;
  out[2] = MESSAGE_TYPE[message.message];
  setU16(out, 4, internetChecksum(out));
  return out;
}

export interface DecodeOptions {
  /** For showing damaged packets to people only: read on although the checksum is wrong. */
  readonly ignoreChecksum?: boolean;
}

/**
 * The message in `bytes`, which start at the Shim6 header and may go on after its end (what follows is a payload,
 * outside length and checksum; RFC 5533 §5.3). Offsets and reply pointers count from the Shim6 header. Never throws.
 *
 * A signalling packet over 1280 octets is not refused: the limit binds senders (RFC 5533 §5.1, §12.3).
 */
export function decodeControl(bytes: Uint8Array, how: DecodeOptions = {}): DecodeResult {
  const frame = checkFrame(bytes, how);
  if (!frame.ok) return frame;
  const { header, octets } = frame;
  const name = NAME_OF.get(header.type);
  if (name === undefined) {
    return {
      ...failure('REHOME_E_TYPE', 2, 'unknown-type'),
      reply: { errorCode: ERROR_CODE.unknownMessageType, pointer: 2 },
    };
  }
  if (octets.length < FIXED_LENGTH[name]) return failure('REHOME_E_LENGTH', 1, 'bad-length');
  const read = readBody(name, octets);
  if (!read.ok) return read;
  const { body, reserved } = read;
  const result = { ok: true, header, reserved, length: octets.length } as const;
  if (body.message === 'error') return { ...result, message: body };
  const options = decodeOptions(body.message, octets, read.length, octets.length);
  if (!options.ok) return options;
  return { ...result, message: { ...body, options: options.options } };
}

/** The checks that hold for every control message, in an order that never reads what is not there (§12.3). */
function checkFrame(
  bytes: Uint8Array,
  how: DecodeOptions,
): { ok: true; header: ControlHeader; octets: Uint8Array } | ControlFailure {
  if (bytes.length < 8) return failure('REHOME_E_TRUNCATED', bytes.length, 'truncated');
  if (u8(bytes, 2) >= 0x80) return failure('REHOME_E_TYPE', 2, 'payload-header');
  // S set to one is HIP's, on a protocol number that is not HIP's.
  if ((u8(bytes, 3) & 1) === 1) return failure('REHOME_E_FIELD', 3, 'hip');
  const length = 8 * (u8(bytes, 1) + 1);
  if (length > bytes.length) return failure('REHOME_E_LENGTH', 1, 'bad-length');
  if (how.ignoreChecksum !== true && internetChecksum(bytes, 0, length) !== 0) {
    return failure('REHOME_E_CHECKSUM', 4, 'bad-checksum');
  }
  const header: ControlHeader = {
    nextHeader: u8(bytes, 0),
    hdrExtLen: u8(bytes, 1),
    type: u8(bytes, 2),
    checksum: u16(bytes, 4),
  };
  return { ok: true, header, octets: bytes.subarray(0, length) };
}
