import { toHex, u16 } from '../../bytes.js';
import { formatTag, type ContextTag } from '../../units.js';
import { PROBE_STATE, type ControlMessage, type ProbeReport, type Shim6Option } from '../index.js';
import type { ControlSuccess } from '../result.js';
import { OPTION_TITLE } from './names.js';

/**
 * Fields in the order of the figure, under their RFC names in lowerCamelCase. Tags (12 digits), nonces (8 digits) and
 * octets are hexadecimal strings, other numbers are numbers.
 */
export type FieldValue = string | number | readonly (string | number)[] | readonly Fields[];
export interface Fields {
  readonly [name: string]: FieldValue;
}

const tag = (value: ContextTag): string => formatTag(value);
const nonce = (value: number): string => value.toString(16).padStart(8, '0');

/** The type-specific fields of a decoded message, reserved ones included, options not. */
export function messageFields({ message, reserved }: ControlSuccess): Fields {
  const r: Fields = { r: reserved.r ?? 0 };
  const reserved2: Fields = { reserved2: reserved.reserved2 ?? 0 };
  switch (message.message) {
    case 'i1':
      return {
        ...r,
        initiatorContextTag: tag(message.initiatorContextTag),
        initiatorNonce: nonce(message.initiatorNonce),
      };
    case 'r1':
      return {
        ...reserved2,
        initiatorNonce: nonce(message.initiatorNonce),
        responderNonce: nonce(message.responderNonce),
      };
    case 'i2':
    case 'i2bis':
      return {
        ...r,
        initiatorContextTag: tag(message.initiatorContextTag),
        initiatorNonce: nonce(message.initiatorNonce),
        responderNonce: nonce(message.responderNonce),
        ...reserved2,
        ...('packetContextTag' in message
          ? { packetContextTag: tag(message.packetContextTag) }
          : {}),
      };
    case 'r2':
      return {
        ...r,
        responderContextTag: tag(message.responderContextTag),
        initiatorNonce: nonce(message.initiatorNonce),
      };
    case 'r1bis':
      return {
        ...r,
        packetContextTag: tag(message.packetContextTag),
        responderNonce: nonce(message.responderNonce),
      };
    case 'updateRequest':
    case 'updateAcknowledgement':
      return {
        ...r,
        receiverContextTag: tag(message.receiverContextTag),
        requestNonce: nonce(message.requestNonce),
      };
    case 'keepalive':
      return { ...r, receiverContextTag: tag(message.receiverContextTag), ...reserved2 };
    case 'probe':
      return {
        ...r,
        receiverContextTag: tag(message.receiverContextTag),
        precvd: message.received.length,
        psent: message.sent.length,
        sta: PROBE_STATE[message.state],
        ...reserved2,
        probesSent: message.sent.map(report),
        probesReceived: message.received.map(report),
      };
    case 'error':
      return {
        errorCode: message.errorCode,
        pointer: message.pointer,
        packetInError: toHex(message.packetInError),
      };
  }
}

/** The name of the 7 bits behind Type: the Error's are the code, the Probe's have no number. */
export function reservedName(message: ControlMessage): string | undefined {
  if (message.message === 'error') return undefined;
  return message.message === 'probe' ? 'reserved' : 'reserved1';
}

const report = (of: ProbeReport): Fields => ({
  probeSource: of.source,
  probeDestination: of.destination,
  probeNonce: nonce(of.nonce),
  probeData: nonce(of.data),
});

/** One option; `octets` start at the Shim6 header of the message it was decoded from. */
export function optionFields(option: Shim6Option, octets: Uint8Array): Fields {
  const at = option.offset ?? 0;
  return {
    option: option.option === 'unknown' ? 'unknown' : OPTION_TITLE[option.option],
    type: u16(octets, at) >>> 1,
    c: u16(octets, at) & 1,
    length: u16(octets, at + 2),
    ...contents(option),
  };
}

function contents(option: Shim6Option): Fields {
  switch (option.option) {
    case 'responderValidator':
      return { validator: toHex(option.validator) };
    case 'locatorList':
      return {
        locatorListGeneration: option.generation,
        numLocators: option.locators.length,
        verificationMethod: option.locators.map((l) => l.method),
        locators: option.locators.map((l) => l.address),
      };
    case 'locatorPreferences':
      return {
        locatorListGeneration: option.generation,
        elementLen: option.elementLength,
        elements: option.elements.map((e) => ({ ...e })),
      };
    case 'cgaParameterDataStructure':
      return { cgaParameterDataStructure: toHex(option.parameters) };
    case 'cgaSignature':
      return { cgaSignature: toHex(option.signature) };
    case 'ulidPair':
      return { senderUlid: option.senderUlid, receiverUlid: option.receiverUlid };
    case 'forkedInstanceIdentifier':
      return { forkedInstanceIdentifier: option.forkedInstanceIdentifier };
    case 'keepaliveTimeout':
      return { keepaliveTimeout: option.keepaliveTimeout };
    case 'unknown':
      return { contents: toHex(option.contents) };
  }
}
