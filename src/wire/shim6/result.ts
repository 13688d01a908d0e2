import type { DecodeFailure } from '../result.js';
import type { ControlMessage } from './message.js';

/** The common control header as it stood in the packet (RFC 5533 §5.3). */
export interface ControlHeader {
  readonly nextHeader: number;
  readonly hdrExtLen: number;
  /** 7 bits. */
  readonly type: number;
  readonly checksum: number;
}

/**
 * Reserved fields as received; receivers ignore them. `r` is the bit before a context tag. Names as in the figures
 * (the Probe's first one is called Reserved there). `reserved2` of I2bis has 49 bits, exact in a double.
 */
export interface ReservedFields {
  readonly reserved1?: number;
  readonly reserved2?: number;
  readonly r?: number;
}

/**
 * The Error message that the RFC asks for. `pointer` counts from the start of the Shim6 header: whoever has the whole
 * packet adds the offset of that header, since the Pointer field counts within the invoking packet (RFC 5533 §5.14).
 * `errorFor` does that.
 */
export interface ErrorReply {
  readonly errorCode: number;
  readonly pointer: number;
}

/** A refused message; `offset` counts from the start of the Shim6 header. */
export interface ControlFailure extends DecodeFailure {
  readonly reply?: ErrorReply;
}

export interface ControlSuccess {
  readonly ok: true;
  readonly message: ControlMessage;
  readonly header: ControlHeader;
  readonly reserved: ReservedFields;
  /** Octets of the Shim6 header; what follows in the packet is not part of the message. */
  readonly length: number;
}

export type DecodeResult = ControlSuccess | ControlFailure;
