/** Shim6 and REAP messages on the wire: RFC 5533 §5, RFC 5534 §5. */
export * from './constants.js';
export * from './message.js';
export { decodeControl, encodeControl, messageNameOf, type DecodeOptions } from './control.js';
export { MAX_OPTIONS, VALID_OPTIONS } from './options.js';
export {
  decodePayloadHeader,
  encodePayloadHeader,
  isPayloadHeader,
  PAYLOAD_HEADER,
} from './payload.js';
export { buildControlPacket, errorFor } from './packet.js';
export type {
  ControlFailure,
  ControlHeader,
  ControlSuccess,
  DecodeResult,
  ErrorReply,
  ReservedFields,
} from './result.js';
