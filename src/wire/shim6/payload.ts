import { inRange, setU16, setU47, u47, u8 } from '../bytes.js';
import { failure, type DecodeFailure } from '../result.js';
import { contextTag, MAX_CONTEXT_TAG } from '../units.js';
import type { PayloadHeader } from './message.js';

/** Octets of the Payload Extension header (RFC 5533 §5.2). */
export const PAYLOAD_HEADER = 8;

/**
 * The eight octets of a Payload Extension header.
 * @throws WireError REHOME_E_RANGE
 */
export function encodePayloadHeader(header: PayloadHeader): Uint8Array {
  const out = new Uint8Array(PAYLOAD_HEADER);
  setU16(out, 0, inRange('next header', header.nextHeader, 255) << 8);
  out[2] = 0x80;
  setU47(out, 2, inRange('context tag', header.receiverContextTag, MAX_CONTEXT_TAG));
  return out;
}

/** The P bit: is the Shim6 header at `offset` a Payload Extension header (true) or a control message? */
export const isPayloadHeader = (bytes: Uint8Array, offset = 0): boolean =>
  u8(bytes, offset + 2) >= 0x80;

/** The Payload Extension header at the start of `bytes`; never throws. */
export function decodePayloadHeader(
  bytes: Uint8Array,
): { readonly ok: true; readonly header: PayloadHeader } | DecodeFailure {
  if (bytes.length < PAYLOAD_HEADER) {
    return failure('REHOME_E_TRUNCATED', bytes.length, 'truncated');
  }
  if (!isPayloadHeader(bytes)) return failure('REHOME_E_TYPE', 2, 'control-message');
  if (u8(bytes, 1) !== 0) return failure('REHOME_E_LENGTH', 1, 'bad-length');
  const receiverContextTag = contextTag(u47(bytes, 2));
  return {
    ok: true,
    header: { message: 'payload', nextHeader: u8(bytes, 0), receiverContextTag },
  };
}
