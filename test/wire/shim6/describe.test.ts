import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/wire/address.js';
import { concatBytes } from '../../../src/wire/bytes.js';
import { buildIcmpError } from '../../../src/wire/icmpv6.js';
import { buildIpv6 } from '../../../src/wire/ipv6.js';
import { describePacket, summarizePacket } from '../../../src/wire/shim6/describe/index.js';
import { buildControlPacket, encodeControl, errorFor } from '../../../src/wire/shim6/index.js';
import type { WireError } from '../../../src/wire/errors.js';
import { controlMessage, octets } from '../arbitrary.js';
import { vectorBytes } from '../vectors.js';

const source = parseAddress('2001:db8:1::a');
const destination = parseAddress('2001:db8:2::b');
const packetOf = (name: string): Uint8Array =>
  buildIpv6({ source, destination, nextHeader: 140, payload: vectorBytes(`shim6/${name}`) });
const fieldsOf = (name: string): unknown => {
  const view = describePacket(packetOf(name));
  return view.kind === 'control' ? view.fields : view;
};

describe('every field under its RFC name', () => {
  const common = { nextHeader: 59, p: 0, s: 0, checksum: 'ok' };
  const cases: Record<string, object> = {
    i1: {
      type: 1,
      reserved1: 0,
      r: 0,
      initiatorContextTag: '7abcdef01234',
      initiatorNonce: 'deadbeef',
    },
    r1: { type: 2, reserved2: 0, initiatorNonce: 'deadbeef', responderNonce: '01234567' },
    i2: { type: 3, initiatorContextTag: '123456789abc', responderNonce: '01234567', reserved2: 0 },
    r2: { type: 4, responderContextTag: '7fffffffffff', initiatorNonce: 'ffffffff' },
    r1bis: { type: 5, packetContextTag: '000102030405', responderNonce: '89abcdef' },
    i2bis: { type: 6, initiatorContextTag: '112233445566', packetContextTag: '000102030405' },
    'update-request': { type: 64, receiverContextTag: '0fedcba98765', requestNonce: '000000ff' },
    'update-acknowledgement': {
      type: 65,
      receiverContextTag: '0fedcba98765',
      requestNonce: '000000ff',
    },
    keepalive: { type: 66, receiverContextTag: '400000000000', reserved2: 0 },
    error: { type: 68, errorCode: 1, pointer: 56 },
    probe: {
      type: 67,
      reserved: 0,
      receiverContextTag: '0abcdef01234',
      precvd: 1,
      psent: 2,
      sta: 2,
      reserved2: 0,
      probesSent: [
        {
          probeSource: '2001:db8:1::1',
          probeDestination: '2001:db8:12::2',
          probeNonce: '11111111',
          probeData: '00000001',
        },
        { probeSource: '2001:db8:1::1', probeDestination: '2001:db8:11::2' },
      ],
      probesReceived: [{ probeNonce: 'ffffffff', probeData: '80000000' }],
    },
  };
  for (const [name, fields] of Object.entries(cases)) {
    it(name, () => expect(fieldsOf(name)).toMatchObject({ ...common, ...fields }));
  }

  it('reserved fields as they came', () => {
    expect(fieldsOf('reserved-set')).toMatchObject({
      nextHeader: 6,
      reserved1: 127,
      r: 1,
      reserved2: 2 ** 49 - 1,
    });
  });

  it('options in order, with type, C and length as they came', () => {
    const view = describePacket(packetOf('i2'));
    expect(view.kind === 'control' && view.options).toEqual([
      {
        option: 'Responder Validator',
        type: 1,
        c: 0,
        length: 12,
        validator: 'a0a1a2a3a4a5a6a7a8a9aaab',
      },
      {
        option: 'Locator List',
        type: 2,
        c: 0,
        length: 60,
        locatorListGeneration: 42,
        numLocators: 3,
        verificationMethod: [1, 2, 254],
        locators: ['2001:db8:1::1', '2001:db8:2::1', '2001:db8:3::1'],
      },
      {
        option: 'Locator Preferences',
        type: 3,
        c: 0,
        length: 14,
        locatorListGeneration: 42,
        elementLen: 3,
        elements: [
          { flags: 0, priority: 10, weight: 100 },
          { flags: 1, priority: 20, weight: 0 },
          { flags: 2, priority: 255, weight: 255 },
        ],
      },
      expect.objectContaining({ option: 'CGA Parameter Data Structure', type: 4, length: 49 }),
      expect.objectContaining({ option: 'CGA Signature', type: 5, length: 23 }),
      { option: 'Keepalive Timeout', type: 10, c: 0, length: 4, keepaliveTimeout: 15 },
    ]);
    const i1 = describePacket(packetOf('i1-ulid-pair-forked'));
    expect(i1.kind === 'control' && i1.options).toEqual([
      {
        option: 'ULID Pair',
        type: 6,
        c: 0,
        length: 36,
        senderUlid: source,
        receiverUlid: destination,
      },
      {
        option: 'Forked Instance Identifier',
        type: 7,
        c: 1,
        length: 4,
        forkedInstanceIdentifier: 0x80000007,
      },
    ]);
  });
});

describe('what is wrong, counted from the IPv6 header', () => {
  it('a bad checksum shows the fields all the same', () => {
    const packet = packetOf('i1').slice();
    packet[44] = 0;
    expect(describePacket(packet)).toMatchObject({
      kind: 'control',
      checksumOk: false,
      fields: { checksum: 'bad', checksumField: '007f', checksumExpected: 'ba7f' },
    });
  });

  it('an unknown type and a critical option, with the answer they get', () => {
    expect(describePacket(packetOf('bad-unknown-type'))).toMatchObject({
      kind: 'malformed',
      error: 'REHOME_E_TYPE',
      offset: 42,
      source,
      reply: { errorCode: 0, pointer: 42 },
    });
    expect(describePacket(packetOf('bad-critical-option'))).toMatchObject({
      kind: 'malformed',
      message: 'R1',
      offset: 64,
      reply: { errorCode: 1, pointer: 64 },
    });
  });

  it('a packet that is no packet', () => {
    expect(describePacket(new Uint8Array(0))).toMatchObject({ kind: 'malformed', offset: 0 });
    expect(describePacket(new Uint8Array([0x45]))).toMatchObject({ reason: 'not-ipv6' });
    expect(describePacket(packetOf('i1').subarray(0, 50))).toMatchObject({ reason: 'bad-length' });
  });
});

describe('other packets', () => {
  const tcp = new Uint8Array([0x10, 0x92, 0, 80, ...new Array<number>(16).fill(0)]);

  it('payload behind an extension header', () => {
    const payload = concatBytes(vectorBytes('shim6/payload'), tcp);
    const packet = buildIpv6({ source, destination, nextHeader: 140, payload });
    expect(describePacket(packet)).toEqual({
      kind: 'payload',
      source,
      destination,
      hopLimit: 64,
      message: 'Payload Extension',
      fields: {
        nextHeader: 6,
        hdrExtLen: 0,
        p: 1,
        receiverContextTag: '7abcdef01234',
        protocol: 6,
        sourcePort: 4242,
        destinationPort: 80,
      },
      inner: 'TCP 4242 > 80',
    });
  });

  it('errors say what they are about, also when it was cut', () => {
    const invokingPacket = packetOf('i2').subarray(0, 100);
    const icmp = { source: destination, destination: source, type: 4, code: 1, parameter: 6 };
    expect(describePacket(buildIcmpError({ ...icmp, invokingPacket }))).toMatchObject({
      kind: 'other',
      summary: 'ICMPv6 Parameter Problem, code 1',
      about: `I2 that can't be read (bad-length) ${source} > ${destination}`,
    });
    const error = errorFor(packetOf('keepalive'), 40, 1, 16);
    expect(describePacket(buildControlPacket(destination, source, error))).toMatchObject({
      message: 'Error',
      about: `Keepalive ${source} > ${destination}`,
      fields: { pointer: 56 },
    });
  });

  it('a fragment of a control message is not read as one', () => {
    const payload = concatBytes(
      new Uint8Array([140, 0, 0, 1, 0, 0, 0, 1]),
      vectorBytes('shim6/i1'),
    );
    const packet = buildIpv6({ source, destination, nextHeader: 44, payload });
    expect(describePacket(packet)).toMatchObject({
      kind: 'other',
      summary: 'Shim6, first fragment',
    });
  });
});

it('describes any message, and any octets without throwing', () => {
  fc.assert(
    fc.property(controlMessage, octets(300), (message, noise) => {
      expect(typeof describePacket(noise).kind).toBe('string');
      expect(typeof summarizePacket(noise)).toBe('string');
      let payload: Uint8Array;
      try {
        payload = encodeControl(message);
      } catch (error) {
        expect((error as WireError).code).toBe('REHOME_E_TOO_LARGE');
        return;
      }
      const packet = buildIpv6({ source, destination, nextHeader: 140, payload });
      const view = describePacket(packet);
      expect(view).toMatchObject({ kind: 'control', checksumOk: true });
      if (view.kind !== 'control' || !('options' in message)) return;
      expect(view.options).toHaveLength(message.options.length);
    }),
  );
});
