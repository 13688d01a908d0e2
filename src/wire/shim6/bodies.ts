import { addressFromBytes, addressToBytes } from '../address.js';
import { inRange, roundUp8, setU16, setU32, setU47, u16, u32, u47, u8 } from '../bytes.js';
import { failure } from '../result.js';
import { contextTag, MAX_CONTEXT_TAG, type ContextTag } from '../units.js';
import { PROBE_STATE } from './constants.js';
import type { ControlMessage, Probe, ProbeReport, ProbeState, Shim6Error } from './message.js';
import type { ControlFailure, ReservedFields } from './result.js';

/** The fixed part of every message: between the checksum and the options. Offsets are from the Shim6 header. */

/** Octets of the fixed part, that is the least length of a message (RFC 5533 §5.4 to §5.14, RFC 5534 §5). */
export const FIXED_LENGTH: Readonly<Record<ControlMessage['message'], number>> = {
  i1: 16,
  r1: 16,
  i2: 24,
  r2: 16,
  r1bis: 16,
  i2bis: 32,
  updateRequest: 16,
  updateAcknowledgement: 16,
  keepalive: 16,
  probe: 16, // and 40 for each report
  error: 16, // "at least 1" even with next to nothing of the packet in error
};

const REPORT = 40;
const STATES = Object.keys(PROBE_STATE) as ProbeState[];

const setTag = (out: Uint8Array, at: number, value: number): void =>
  setU47(out, at, inRange('context tag', value, MAX_CONTEXT_TAG));
const setNonce = (out: Uint8Array, at: number, value: number): void =>
  setU32(out, at, inRange('nonce', value, 0xffffffff));

/** Octets of everything but the options. */
export function bodyLength(message: ControlMessage): number {
  if (message.message === 'probe') {
    return FIXED_LENGTH.probe + REPORT * (message.sent.length + message.received.length);
  }
  if (message.message === 'error') {
    return Math.max(FIXED_LENGTH.error, roundUp8(8 + message.packetInError.length));
  }
  return FIXED_LENGTH[message.message];
}

/** Writes the type-specific fields into `out`, which is zero and long enough. Throws REHOME_E_RANGE. */
export function writeBody(out: Uint8Array, message: ControlMessage): void {
  switch (message.message) {
    case 'i1':
      setTag(out, 6, message.initiatorContextTag);
      return setNonce(out, 12, message.initiatorNonce);
    case 'r1':
      setNonce(out, 8, message.initiatorNonce);
      return setNonce(out, 12, message.responderNonce);
    case 'i2':
    case 'i2bis': // starts like I2 (RFC 5533 §5.9)
      if (message.message === 'i2bis') setTag(out, 26, message.packetContextTag);
      setTag(out, 6, message.initiatorContextTag);
      setNonce(out, 12, message.initiatorNonce);
      return setNonce(out, 16, message.responderNonce);
    case 'r2':
      setTag(out, 6, message.responderContextTag);
      return setNonce(out, 12, message.initiatorNonce);
    case 'r1bis':
      setTag(out, 6, message.packetContextTag);
      return setNonce(out, 12, message.responderNonce);
    case 'updateRequest':
    case 'updateAcknowledgement':
      setTag(out, 6, message.receiverContextTag);
      return setNonce(out, 12, message.requestNonce);
    case 'keepalive':
      return setTag(out, 6, message.receiverContextTag);
    case 'probe':
      return writeProbe(out, message);
    case 'error':
      return writeError(out, message);
  }
}

function writeProbe(out: Uint8Array, message: Probe): void {
  setTag(out, 6, message.receiverContextTag);
  const received = inRange('number of received reports', message.received.length, 15);
  const sent = inRange('number of sent reports', message.sent.length, 15, 1);
  out[12] = (received << 4) | sent;
  out[13] = inRange('probe state', PROBE_STATE[message.state], 2) << 6;
  [...message.sent, ...message.received].forEach((report, i) => {
    const at = FIXED_LENGTH.probe + REPORT * i;
    out.set(addressToBytes(report.source), at);
    out.set(addressToBytes(report.destination), at + 16);
    setNonce(out, at + 32, report.nonce);
    setU32(out, at + 36, inRange('probe data', report.data, 0xffffffff));
  });
}

function writeError(out: Uint8Array, message: Shim6Error): void {
  out[3] = inRange('error code', message.errorCode, 127) << 1;
  setU16(out, 6, inRange('pointer', message.pointer, 0xffff));
  out.set(message.packetInError, 8);
}

/** A message before its options are known. */
export type Body = {
  [K in ControlMessage as K['message']]: Omit<K, 'options'>;
}[ControlMessage['message']];

export interface ReadBody {
  readonly ok: true;
  readonly body: Body;
  readonly reserved: ReservedFields;
  /** Where the options start. */
  readonly length: number;
}

/** Reads the fixed part. The caller made sure that `bytes` holds at least FIXED_LENGTH and ends with the header. */
export function readBody(
  name: ControlMessage['message'],
  bytes: Uint8Array,
): ReadBody | ControlFailure {
  if (name === 'probe') return readProbe(bytes);
  return {
    ok: true,
    body: readFields(name, bytes),
    reserved: readReserved(name, bytes),
    length: name === 'error' ? bytes.length : FIXED_LENGTH[name],
  };
}

function readFields(name: Exclude<ControlMessage['message'], 'probe'>, bytes: Uint8Array): Body {
  const tag = (at = 6): ContextTag => contextTag(u47(bytes, at));
  const nonce = (at: number): number => u32(bytes, at);
  switch (name) {
    case 'i1':
      return { message: name, initiatorContextTag: tag(), initiatorNonce: nonce(12) };
    case 'r1':
      return { message: name, initiatorNonce: nonce(8), responderNonce: nonce(12) };
    case 'i2':
    case 'i2bis': {
      const common = {
        initiatorContextTag: tag(),
        initiatorNonce: nonce(12),
        responderNonce: nonce(16),
      };
      if (name === 'i2') return { message: name, ...common };
      return { message: name, ...common, packetContextTag: tag(26) };
    }
    case 'r2':
      return { message: name, responderContextTag: tag(), initiatorNonce: nonce(12) };
    case 'r1bis':
      return { message: name, packetContextTag: tag(), responderNonce: nonce(12) };
    case 'updateRequest':
    case 'updateAcknowledgement':
      return { message: name, receiverContextTag: tag(), requestNonce: nonce(12) };
    case 'keepalive':
      return { message: name, receiverContextTag: tag() };
    case 'error':
      return {
        message: name,
        errorCode: u8(bytes, 3) >>> 1,
        pointer: u16(bytes, 6),
        packetInError: bytes.slice(8),
      };
  }
}

function readReserved(name: ControlMessage['message'], bytes: Uint8Array): ReservedFields {
  if (name === 'error') return {};
  const reserved1 = u8(bytes, 3) >>> 1;
  if (name === 'r1') return { reserved1, reserved2: u16(bytes, 6) };
  const r = u8(bytes, 6) >>> 7;
  switch (name) {
    case 'i2':
      return { reserved1, r, reserved2: u32(bytes, 20) };
    case 'i2bis': // 49 bits, RFC 5533 §5.9
      return {
        reserved1,
        r,
        reserved2: u32(bytes, 20) * 2 ** 17 + u16(bytes, 24) * 2 + (u8(bytes, 26) >>> 7),
      };
    case 'keepalive':
      return { reserved1, r, reserved2: u32(bytes, 12) };
    case 'probe':
      return { reserved1, r, reserved2: u32(bytes, 12) % 2 ** 22 };
    default:
      return { reserved1, r };
  }
}

function readProbe(bytes: Uint8Array): ReadBody | ControlFailure {
  const precvd = u8(bytes, 12) >>> 4;
  const psent = u8(bytes, 12) & 15;
  const state = STATES.find((s) => PROBE_STATE[s] === u8(bytes, 13) >>> 6);
  // RFC 5534 §5.2: the first set is this very probe; three states are legal.
  if (psent === 0) return failure('REHOME_E_FIELD', 12, 'bad-probe-count');
  if (state === undefined) return failure('REHOME_E_FIELD', 13, 'bad-state');
  const length = FIXED_LENGTH.probe + REPORT * (psent + precvd);
  if (bytes.length < length) return failure('REHOME_E_LENGTH', 12, 'bad-length');
  const reports = Array.from({ length: psent + precvd }, (_, i) => readReport(bytes, i));
  return {
    ok: true,
    body: {
      message: 'probe',
      receiverContextTag: contextTag(u47(bytes, 6)),
      state,
      sent: reports.slice(0, psent),
      received: reports.slice(psent),
    },
    reserved: readReserved('probe', bytes),
    length,
  };
}

function readReport(bytes: Uint8Array, index: number): ProbeReport {
  const at = FIXED_LENGTH.probe + REPORT * index;
  return {
    source: addressFromBytes(bytes, at),
    destination: addressFromBytes(bytes, at + 16),
    nonce: u32(bytes, at + 32),
    data: u32(bytes, at + 36),
  };
}
