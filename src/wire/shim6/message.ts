import type { Address } from '../address.js';
import type { ContextTag } from '../units.js';
import type { MESSAGE_TYPE, OPTION_TYPE } from './constants.js';

/** Values of Shim6 messages (RFC 5533 §5, RFC 5534 §5): what the codec makes of octets and octets of. */

export interface ResponderValidator {
  readonly option: 'responderValidator';
  readonly validator: Uint8Array;
}
export interface ListedLocator {
  readonly address: Address;
  /** The verification method octet (RFC 5533 table 4). */
  readonly method: number;
}
export interface LocatorList {
  readonly option: 'locatorList';
  readonly generation: number;
  readonly locators: readonly ListedLocator[];
}
/** One element of Locator Preferences; priority and weight exist from element length 2 and 3 on. */
export interface LocatorPreference {
  readonly flags: number;
  readonly priority?: number;
  readonly weight?: number;
}
export interface LocatorPreferences {
  readonly option: 'locatorPreferences';
  readonly generation: number;
  readonly elementLength: number;
  readonly elements: readonly LocatorPreference[];
}
export interface CgaParameterDataStructure {
  readonly option: 'cgaParameterDataStructure';
  readonly parameters: Uint8Array;
}
export interface CgaSignature {
  readonly option: 'cgaSignature';
  readonly signature: Uint8Array;
}
export interface UlidPair {
  readonly option: 'ulidPair';
  readonly senderUlid: Address;
  readonly receiverUlid: Address;
}
export interface ForkedInstanceIdentifier {
  readonly option: 'forkedInstanceIdentifier';
  readonly forkedInstanceIdentifier: number;
}
export interface KeepaliveTimeout {
  readonly option: 'keepaliveTimeout';
  /** Seconds. */
  readonly keepaliveTimeout: number;
}
/** An option we do not know, with C=0: carried so that a decoded message encodes to the same octets. */
export interface UnknownOption {
  readonly option: 'unknown';
  /** 15 bits, without the Critical bit. */
  readonly type: number;
  readonly contents: Uint8Array;
}

/** Every option may carry the Critical bit; where it stands in the message is known after decoding. */
export type Shim6Option = (
  | ResponderValidator
  | LocatorList
  | LocatorPreferences
  | CgaParameterDataStructure
  | CgaSignature
  | UlidPair
  | ForkedInstanceIdentifier
  | KeepaliveTimeout
  | UnknownOption
) & {
  readonly critical?: boolean;
  /** Octets from the start of the Shim6 header to the option's Type field; set by the decoder, ignored by the encoder. */
  readonly offset?: number;
};
export type OptionName = keyof typeof OPTION_TYPE;
export type OptionOf<N extends OptionName> = Extract<Shim6Option, { option: N }>;

interface WithOptions {
  readonly options: readonly Shim6Option[];
}

export interface I1 extends WithOptions {
  readonly message: 'i1';
  readonly initiatorContextTag: ContextTag;
  readonly initiatorNonce: number;
}
export interface R1 extends WithOptions {
  readonly message: 'r1';
  readonly initiatorNonce: number;
  readonly responderNonce: number;
}
export interface I2 extends WithOptions {
  readonly message: 'i2';
  readonly initiatorContextTag: ContextTag;
  readonly initiatorNonce: number;
  readonly responderNonce: number;
}
export interface R2 extends WithOptions {
  readonly message: 'r2';
  readonly responderContextTag: ContextTag;
  readonly initiatorNonce: number;
}
export interface R1bis extends WithOptions {
  readonly message: 'r1bis';
  readonly packetContextTag: ContextTag;
  readonly responderNonce: number;
}
export interface I2bis extends WithOptions {
  readonly message: 'i2bis';
  readonly initiatorContextTag: ContextTag;
  readonly initiatorNonce: number;
  readonly responderNonce: number;
  readonly packetContextTag: ContextTag;
}
export interface UpdateRequest extends WithOptions {
  readonly message: 'updateRequest';
  readonly receiverContextTag: ContextTag;
  readonly requestNonce: number;
}
export interface UpdateAcknowledgement extends WithOptions {
  readonly message: 'updateAcknowledgement';
  readonly receiverContextTag: ContextTag;
  readonly requestNonce: number;
}
export interface Keepalive extends WithOptions {
  readonly message: 'keepalive';
  readonly receiverContextTag: ContextTag;
}
/** What one probe was, as sent or as received (RFC 5534 §5.2). */
export interface ProbeReport {
  readonly source: Address;
  readonly destination: Address;
  readonly nonce: number;
  readonly data: number;
}
export type ProbeState = 'operational' | 'exploring' | 'inboundOk';
export interface Probe extends WithOptions {
  readonly message: 'probe';
  readonly receiverContextTag: ContextTag;
  readonly state: ProbeState;
  /** 1 to 15; the first is this very probe. */
  readonly sent: readonly ProbeReport[];
  /** 0 to 15. */
  readonly received: readonly ProbeReport[];
}
export interface Shim6Error {
  readonly message: 'error';
  readonly errorCode: number;
  readonly pointer: number;
  readonly packetInError: Uint8Array;
}

export type ControlMessage =
  | I1
  | R1
  | I2
  | R2
  | R1bis
  | I2bis
  | UpdateRequest
  | UpdateAcknowledgement
  | Keepalive
  | Probe
  | Shim6Error;
export type MessageName = keyof typeof MESSAGE_TYPE;
export type MessageOf<N extends MessageName> = Extract<ControlMessage, { message: N }>;

/** The Payload Extension header (RFC 5533 §5.2). */
export interface PayloadHeader {
  readonly message: 'payload';
  readonly nextHeader: number;
  readonly receiverContextTag: ContextTag;
}

/** The first option of a name, or undefined. */
export function findOption<N extends OptionName>(
  message: { readonly options: readonly Shim6Option[] },
  name: N,
): OptionOf<N> | undefined {
  return message.options.find((o): o is OptionOf<N> => o.option === name);
}
