import fc from 'fast-check';
import { addressFromBytes } from '../../src/wire/address.js';
import { contextTag, MAX_CONTEXT_TAG } from '../../src/wire/units.js';
import {
  VALID_OPTIONS,
  type ControlMessage,
  type OptionName,
  type Shim6Option,
} from '../../src/wire/shim6/index.js';

/** Generators of wire values. */
export const address = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => addressFromBytes(bytes));
export const uint32 = fc.integer({ min: 0, max: 0xffffffff });
export const uint16 = fc.integer({ min: 0, max: 0xffff });
export const uint8 = fc.integer({ min: 0, max: 255 });
export const tag = fc.integer({ min: 0, max: MAX_CONTEXT_TAG }).map(contextTag);
export const octets = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

const preferences = fc.integer({ min: 1, max: 3 }).chain((elementLength) =>
  fc.record({
    option: fc.constant('locatorPreferences' as const),
    generation: uint32,
    elementLength: fc.constant(elementLength),
    elements: fc.array(
      fc.record({
        flags: uint8,
        ...(elementLength >= 2 ? { priority: uint8 } : {}),
        ...(elementLength >= 3 ? { weight: uint8 } : {}),
      }),
      { maxLength: 16 },
    ),
  }),
);

const contents: Record<OptionName, fc.Arbitrary<Shim6Option>> = {
  responderValidator: fc.record({
    option: fc.constant('responderValidator' as const),
    validator: octets(64),
  }),
  locatorList: fc.record({
    option: fc.constant('locatorList' as const),
    generation: uint32,
    locators: fc.array(fc.record({ address, method: uint8 }), { maxLength: 16 }),
  }),
  locatorPreferences: preferences,
  cgaParameterDataStructure: fc.record({
    option: fc.constant('cgaParameterDataStructure' as const),
    parameters: octets(200),
  }),
  cgaSignature: fc.record({ option: fc.constant('cgaSignature' as const), signature: octets(128) }),
  ulidPair: fc.record({
    option: fc.constant('ulidPair' as const),
    senderUlid: address,
    receiverUlid: address,
  }),
  forkedInstanceIdentifier: fc.record({
    option: fc.constant('forkedInstanceIdentifier' as const),
    forkedInstanceIdentifier: uint32,
  }),
  keepaliveTimeout: fc.record({
    option: fc.constant('keepaliveTimeout' as const),
    keepaliveTimeout: uint16,
  }),
};

const unknown: fc.Arbitrary<Shim6Option> = fc.record({
  option: fc.constant('unknown' as const),
  type: fc.integer({ min: 11, max: 0x7fff }),
  contents: octets(20),
});

/** Any options that this message may carry, each at most once, in any order, with unknown ones between. */
function options(message: keyof typeof VALID_OPTIONS): fc.Arbitrary<Shim6Option[]> {
  const known = [...VALID_OPTIONS[message]].map((name) =>
    fc
      .tuple(contents[name], fc.boolean(), fc.boolean())
      .map(([option, present, critical]) =>
        present ? [critical ? { ...option, critical } : option] : [],
      ),
  );
  return fc.tuple(fc.tuple(...known), fc.array(unknown, { maxLength: 2 })).chain(([some, more]) => {
    const all = [...some.flat(), ...more];
    return fc.shuffledSubarray(all, { minLength: all.length });
  });
}

const report = fc.record({ source: address, destination: address, nonce: uint32, data: uint32 });

export const controlMessage: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({
    message: fc.constant('i1' as const),
    initiatorContextTag: tag,
    initiatorNonce: uint32,
    options: options('i1'),
  }),
  fc.record({
    message: fc.constant('r1' as const),
    initiatorNonce: uint32,
    responderNonce: uint32,
    options: options('r1'),
  }),
  fc.record({
    message: fc.constant('i2' as const),
    initiatorContextTag: tag,
    initiatorNonce: uint32,
    responderNonce: uint32,
    options: options('i2'),
  }),
  fc.record({
    message: fc.constant('r2' as const),
    responderContextTag: tag,
    initiatorNonce: uint32,
    options: options('r2'),
  }),
  fc.record({
    message: fc.constant('r1bis' as const),
    packetContextTag: tag,
    responderNonce: uint32,
    options: options('r1bis'),
  }),
  fc.record({
    message: fc.constant('i2bis' as const),
    initiatorContextTag: tag,
    initiatorNonce: uint32,
    responderNonce: uint32,
    packetContextTag: tag,
    options: options('i2bis'),
  }),
  fc.record({
    message: fc.constantFrom('updateRequest' as const, 'updateAcknowledgement' as const),
    receiverContextTag: tag,
    requestNonce: uint32,
    options: fc.constant([]),
  }),
  fc.record({
    message: fc.constant('updateRequest' as const),
    receiverContextTag: tag,
    requestNonce: uint32,
    options: options('updateRequest'),
  }),
  fc.record({
    message: fc.constant('keepalive' as const),
    receiverContextTag: tag,
    options: options('keepalive'),
  }),
  fc.record({
    message: fc.constant('probe' as const),
    receiverContextTag: tag,
    state: fc.constantFrom('operational' as const, 'exploring' as const, 'inboundOk' as const),
    sent: fc.array(report, { minLength: 1, maxLength: 15 }),
    received: fc.array(report, { maxLength: 12 }),
    options: options('probe'),
  }),
  fc.record({
    message: fc.constant('error' as const),
    errorCode: fc.integer({ min: 0, max: 127 }),
    pointer: uint16,
    // whole units of 8, at least one: what an Error message can hold without padding
    packetInError: fc
      .integer({ min: 1, max: 100 })
      .chain((units) => fc.uint8Array({ minLength: 8 * units, maxLength: 8 * units })),
  }),
);
