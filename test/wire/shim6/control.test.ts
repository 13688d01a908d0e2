import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/wire/address.js';
import { concatBytes, setU16, toHex, u16 } from '../../../src/wire/bytes.js';
import { internetChecksum } from '../../../src/wire/checksum.js';
import { WireError } from '../../../src/wire/errors.js';
import { contextTag } from '../../../src/wire/units.js';
import {
  buildControlPacket,
  decodeControl,
  decodePayloadHeader,
  encodeControl,
  encodePayloadHeader,
  errorFor,
  findOption,
  isPayloadHeader,
  type ControlMessage,
  type I2,
  type Shim6Option,
} from '../../../src/wire/shim6/index.js';
import { controlMessage, tag, uint8 } from '../arbitrary.js';
import { vectorBytes, vectorNames } from '../vectors.js';

const A = parseAddress('2001:db8:1::a');
const B = parseAddress('2001:db8:2::b');
const TAG = contextTag(0x123456789abc);

const withoutOffsets = (message: ControlMessage): unknown =>
  'options' in message
    ? {
        ...message,
        options: message.options.map((option) => {
          const { offset: _, ...rest } = option;
          return rest;
        }),
      }
    : message;

/** Puts the right checksum into octets that a test has changed. */
function resum(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  setU16(out, 4, 0);
  setU16(out, 4, internetChecksum(out, 0, 8 * ((out[1] ?? 0) + 1)));
  return out;
}
const edit = (name: string, change: (bytes: Uint8Array) => void): Uint8Array => {
  const bytes = vectorBytes(`shim6/${name}`).slice();
  change(bytes);
  return resum(bytes);
};
const reasonOf = (bytes: Uint8Array): string => {
  const result = decodeControl(bytes);
  return result.ok ? 'ok' : `${result.code} ${result.reason} @${result.offset}`;
};
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof WireError ? error.code : String(error);
  }
  return 'no error';
};

describe('properties', () => {
  it('a value survives encoding and decoding, and encodes to the same octets', () => {
    fc.assert(
      fc.property(controlMessage, (message) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeControl(message);
        } catch (error) {
          // the only thing that may go wrong with a well-formed value
          expect((error as WireError).code).toBe('REHOME_E_TOO_LARGE');
          return;
        }
        expect(bytes.length % 8).toBe(0);
        const back = decodeControl(bytes);
        if (!back.ok) throw new Error(JSON.stringify(back));
        expect(withoutOffsets(back.message)).toEqual(withoutOffsets(message));
        expect(encodeControl(back.message)).toEqual(bytes);
        expect(Object.values(back.reserved).every((v) => v === 0)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('one flipped bit never passes the checksum [RFC5533 §12.3]', () => {
    for (const name of vectorNames('shim6').filter((n) => n !== 'payload')) {
      const bytes = vectorBytes(`shim6/${name}`);
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        const flipped = bytes.slice();
        const at = bit >> 3;
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
        const result = decodeControl(flipped);
        expect(result.ok, `${name} bit ${bit}`).toBe(false);
        if (!result.ok) expect(result.reply).toBeUndefined();
      }
    }
  });

  it('every truncation is refused without a reply [RFC5533 §12.3]', () => {
    for (const name of vectorNames('shim6').filter((n) => n !== 'payload')) {
      const bytes = vectorBytes(`shim6/${name}`);
      for (let length = 0; length < bytes.length; length++) {
        const result = decodeControl(bytes.subarray(0, length));
        expect(result).toMatchObject({ ok: false });
        expect(result).not.toHaveProperty('reply');
        if (!result.ok) expect(['truncated', 'bad-length']).toContain(result.reason);
      }
    }
  });

  it('every shorter Hdr Ext Len, with a right checksum, is refused or another well-formed message', () => {
    for (const name of vectorNames('shim6').filter((n) => n !== 'payload')) {
      const bytes = vectorBytes(`shim6/${name}`);
      for (let units = 0; units < (bytes[1] ?? 0); units++) {
        const result = decodeControl(edit(name, (b) => (b[1] = units)));
        if (result.ok) expect(encodeControl(result.message)).toHaveLength(8 * (units + 1));
      }
    }
  });

  it('payload header: any tag, any next header [RFC5533 §5.2]', () => {
    fc.assert(
      fc.property(tag, uint8, (receiverContextTag, nextHeader) => {
        const header = { message: 'payload', nextHeader, receiverContextTag } as const;
        const bytes = encodePayloadHeader(header);
        expect(isPayloadHeader(bytes)).toBe(true);
        expect(decodePayloadHeader(bytes)).toEqual({ ok: true, header });
      }),
    );
  });
});

describe('what a receiver checks', () => {
  it('discards a bad checksum [RFC5533 §12.3]', () => {
    const bytes = vectorBytes('shim6/i1').slice();
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    expect(reasonOf(bytes)).toBe('REHOME_E_CHECKSUM bad-checksum @4');
    expect(decodeControl(bytes, { ignoreChecksum: true })).toMatchObject({ ok: true });
  });

  it('discards a length past the end of the packet [RFC5533 §12.3]', () => {
    expect(reasonOf(edit('i1', (b) => (b[1] = 2)))).toBe('REHOME_E_LENGTH bad-length @1');
  });

  it('ignores octets after the announced end, also in the checksum [RFC5533 §5.3]', () => {
    const bytes = concatBytes(vectorBytes('shim6/keepalive'), new Uint8Array(13).fill(0xa5));
    expect(decodeControl(bytes)).toMatchObject({ ok: true, length: 16 });
  });

  it('leaves HIP alone: S is one [RFC5533 §5.3]', () => {
    expect(reasonOf(edit('i1', (b) => (b[3] = 1)))).toBe('REHOME_E_FIELD hip @3');
  });

  it('a payload header is no control message and the other way round [RFC5533 §5.1]', () => {
    expect(reasonOf(concatBytes(vectorBytes('shim6/payload'), new Uint8Array(8)))).toBe(
      'REHOME_E_TYPE payload-header @2',
    );
    expect(decodePayloadHeader(vectorBytes('shim6/i1'))).toMatchObject({
      ok: false,
      reason: 'control-message',
    });
    expect(isPayloadHeader(vectorBytes('shim6/i1'))).toBe(false);
    expect(decodePayloadHeader(new Uint8Array([6, 0, 0x80]))).toMatchObject({
      reason: 'truncated',
    });
    expect(decodePayloadHeader(new Uint8Array([6, 1, 0x80, 0, 0, 0, 0, 0]))).toMatchObject({
      reason: 'bad-length',
    });
  });

  it('answers an unknown type, pointing at it [RFC5533 §12.3]', () => {
    for (const type of [0, 7, 63, 69, 127]) {
      const result = decodeControl(edit('i1', (b) => (b[2] = type)));
      expect(result).toMatchObject({
        reason: 'unknown-type',
        reply: { errorCode: 0, pointer: 2 },
      });
    }
  });

  it('asks for the least length of each message [RFC5533 §5]', () => {
    const least = { 1: 1, 2: 1, 3: 2, 4: 1, 5: 1, 6: 3, 64: 1, 65: 1, 66: 1, 67: 6, 68: 1 };
    for (const [type, units] of Object.entries(least)) {
      const bytes = new Uint8Array(8 * units);
      bytes.set([59, units - 1, Number(type)]);
      if (type === '67' && units > 1) bytes[12] = 1;
      expect(reasonOf(resum(bytes)), `type ${type}`).toMatch(/bad-length/);
      const enough = new Uint8Array(8 * (units + 1));
      enough.set([59, units, Number(type)]);
      if (type === '67') enough[12] = 1;
      expect(reasonOf(resum(enough)), `type ${type}`).toBe('ok');
    }
  });

  it('a probe has at least its own report and a legal state [RFC5534 §5.2]', () => {
    expect(reasonOf(edit('probe-exploring', (b) => (b[12] = 0x10)))).toMatch(/bad-probe-count @12/);
    expect(reasonOf(edit('probe-exploring', (b) => (b[13] = 0xc0)))).toMatch(/bad-state @13/);
    expect(reasonOf(edit('probe-exploring', (b) => (b[12] = 0x11)))).toMatch(/bad-length @12/);
    expect(reasonOf(edit('probe-exploring', (b) => (b[13] = 0x7f)))).toBe('ok');
  });
});

describe('options', () => {
  const option = (type: number, length: number, contents = new Uint8Array(length)): Uint8Array => {
    const out = new Uint8Array(Math.ceil((4 + contents.length) / 8) * 8);
    setU16(out, 0, type);
    setU16(out, 2, length);
    out.set(contents, 4);
    return out;
  };
  /** A message with raw options behind its fixed part. */
  const withOptions = (name: string, ...parts: Uint8Array[]): Uint8Array => {
    const fixed = { i2: 24, i2bis: 32 }[name] ?? 16;
    const bytes = concatBytes(vectorBytes(`shim6/${name}`).subarray(0, fixed), ...parts);
    bytes[1] = bytes.length / 8 - 1;
    return resum(bytes);
  };

  it('skips an unknown one with C=0 and keeps it [RFC5533 §5.15] [RFC5533 §12.3]', () => {
    const result = decodeControl(withOptions('i2', option(24, 3), option(20, 4)));
    expect(result).toMatchObject({
      ok: true,
      message: { options: [{ option: 'unknown', type: 12 }, { option: 'keepaliveTimeout' }] },
    });
  });

  it('answers an unknown one with C=1, whatever follows [RFC5533 §5.15] [RFC5533 §12.3]', () => {
    const bytes = withOptions(
      'i2',
      option(20, 4),
      option(25, 3),
      option(4, 4000, new Uint8Array(4)),
    );
    expect(decodeControl(bytes)).toMatchObject({
      reason: 'critical-option',
      reply: { errorCode: 1, pointer: 32 },
    });
  });

  it('knows an option in the messages that list it only [RFC5533 §5.15]', () => {
    const timeout = option(21, 4); // Keepalive Timeout, C = 1
    for (const name of ['i2', 'r2', 'i2bis', 'update-request']) {
      expect(reasonOf(withOptions(name, timeout)), name).toBe('ok');
    }
    for (const name of ['i1', 'r1', 'r1bis', 'update-acknowledgement', 'keepalive']) {
      expect(reasonOf(withOptions(name, timeout)), name).toMatch(/critical-option/);
    }
  });

  it('a critical option that we know is an option like another', () => {
    const result = decodeControl(withOptions('i1', option(15, 4)));
    expect(result).toMatchObject({ ok: true, message: { options: [{ critical: true }] } });
  });

  it('refuses a second one of a kind', () => {
    expect(reasonOf(withOptions('i2', option(20, 4), option(20, 4)))).toBe(
      'REHOME_E_OPTION duplicate-option @32',
    );
  });

  it('refuses contents of another length than their kind has', () => {
    const cases: [number, number][] = [
      [4, 4], // no Num Locators
      [4, 11],
      [4, 13],
      [6, 4], // no Element Len
      [6, 5], // Element Len 0
      [12, 35],
      [12, 37],
      [14, 3],
      [14, 8],
      [20, 2],
      [20, 5],
    ];
    for (const [type, length] of cases) {
      expect(reasonOf(withOptions('i2', option(type, length))), `${type} ${length}`).toBe(
        'REHOME_E_OPTION bad-option @28',
      );
    }
    const preferences = new Uint8Array([0, 0, 0, 1, 2, 0, 1, 0]); // 3 octets of elements, 2 each
    expect(reasonOf(withOptions('i2', option(6, 8, preferences)))).toMatch(/bad-option/);
    const list = new Uint8Array(12);
    list[4] = 255; // a count that the contents don't hold
    expect(reasonOf(withOptions('i2', option(4, 12, list)))).toMatch(/bad-option/);
  });

  it('refuses one that ends past the message', () => {
    expect(reasonOf(withOptions('i1', option(24, 5, new Uint8Array(4))))).toBe(
      'REHOME_E_OPTION bad-option @18',
    );
    expect(reasonOf(withOptions('i1', option(24, 0xffff, new Uint8Array(4))))).toMatch(
      /bad-option/,
    );
  });

  it('bounds their number', () => {
    const many = (n: number): Uint8Array[] => Array.from({ length: n }, () => option(24, 0));
    expect(reasonOf(withOptions('i1', ...many(64)))).toBe('ok');
    expect(reasonOf(withOptions('i1', ...many(65)))).toMatch(/too-many-options/);
  });

  it('pads with zeros to 8 octets and leaves the padding out of Length [RFC5533 §5.15]', () => {
    for (let n = 0; n <= 24; n++) {
      const bytes = encodeControl({
        message: 'r1',
        initiatorNonce: 0,
        responderNonce: 0,
        options: [{ option: 'responderValidator', validator: new Uint8Array(n).fill(0xff) }],
      });
      expect(bytes.length - 16).toBe(11 + n - ((n + 3) % 8)); // the RFC's own formula
      expect(u16(bytes, 18)).toBe(n);
      expect(bytes.subarray(20 + n).every((b) => b === 0)).toBe(true);
    }
  });
});

describe('what a sender may not do', () => {
  const i2 = (...options: Shim6Option[]): I2 => ({
    message: 'i2',
    initiatorContextTag: TAG,
    initiatorNonce: 1,
    responderNonce: 2,
    options,
  });
  const signature = (length: number): I2 =>
    i2({ option: 'cgaSignature', signature: new Uint8Array(length) });

  it('no packet over 1280 octets [RFC5533 §5.1]', () => {
    expect(encodeControl(signature(1280 - 40 - 24 - 4)).length).toBe(1240);
    expect(codeOf(() => encodeControl(signature(1280 - 40 - 24 - 3)))).toBe('REHOME_E_TOO_LARGE');
  });

  it('no field out of range', () => {
    const bad: ControlMessage[] = [
      { ...i2(), initiatorContextTag: contextTag(2 ** 47) },
      { ...i2(), initiatorContextTag: contextTag(-1) },
      { ...i2(), initiatorContextTag: contextTag(1.5) },
      { ...i2(), initiatorNonce: 2 ** 32 },
      { ...i2(), responderNonce: NaN },
      i2({ option: 'keepaliveTimeout', keepaliveTimeout: 65536 }),
      i2({ option: 'forkedInstanceIdentifier', forkedInstanceIdentifier: -1 }),
      i2({ option: 'locatorList', generation: 2 ** 32, locators: [] }),
      i2({ option: 'locatorList', generation: 0, locators: [{ address: A, method: 256 }] }),
      i2({ option: 'locatorPreferences', generation: 0, elementLength: 0, elements: [] }),
      i2({ option: 'locatorPreferences', generation: 0, elementLength: 4, elements: [] }),
      i2({
        option: 'locatorPreferences',
        generation: 0,
        elementLength: 2,
        elements: [{ flags: 0 }],
      }),
      i2({
        option: 'locatorPreferences',
        generation: 0,
        elementLength: 1,
        elements: [{ flags: 0, priority: 1 }],
      }),
      i2({ option: 'unknown', type: 0x8000, contents: new Uint8Array(0) }),
      i2(
        { option: 'keepaliveTimeout', keepaliveTimeout: 1 },
        { option: 'keepaliveTimeout', keepaliveTimeout: 2 },
      ),
      { message: 'error', errorCode: 128, pointer: 0, packetInError: new Uint8Array(8) },
      { message: 'error', errorCode: 0, pointer: 65536, packetInError: new Uint8Array(8) },
      {
        message: 'probe',
        receiverContextTag: TAG,
        state: 'operational',
        sent: [],
        received: [],
        options: [],
      },
      {
        message: 'probe',
        receiverContextTag: TAG,
        state: 'operational',
        sent: Array.from({ length: 16 }, () => ({ source: A, destination: B, nonce: 0, data: 0 })),
        received: [],
        options: [],
      },
    ];
    for (const message of bad) {
      expect(
        codeOf(() => encodeControl(message)),
        JSON.stringify(message),
      ).toBe('REHOME_E_RANGE');
    }
  });

  it('no option where RFC 5533 has none', () => {
    const message: ControlMessage = {
      message: 'keepalive',
      receiverContextTag: TAG,
      options: [{ option: 'keepaliveTimeout', keepaliveTimeout: 1 }],
    };
    expect(codeOf(() => encodeControl(message))).toBe('REHOME_E_OPTION');
  });
});

describe('packets', () => {
  it('puts a message into an IPv6 packet of protocol 140', () => {
    const packet = buildControlPacket(A, B, {
      message: 'keepalive',
      receiverContextTag: contextTag(2 ** 46),
      options: [],
    });
    expect(toHex(packet)).toBe(
      '6000000000108c40' +
        '20010db800010000000000000000000a' +
        '20010db800020000000000000000000b' +
        toHex(vectorBytes('shim6/keepalive')),
    );
  });

  it('an Error carries as much of the packet as 1280 octets hold, its pointer from the IPv6 header [RFC5533 §5.14]', () => {
    const packet = new Uint8Array(1500).map((_, i) => i);
    const error = errorFor(packet, 48, 1, 16);
    expect(error).toMatchObject({ errorCode: 1, pointer: 64 });
    expect(error.packetInError).toEqual(packet.subarray(0, 1232));
    expect(buildControlPacket(A, B, error)).toHaveLength(1280);
    expect(buildControlPacket(A, B, errorFor(packet.subarray(0, 61), 40, 0, 2))).toHaveLength(112);
  });

  it('findOption finds the first of a name', () => {
    const result = decodeControl(vectorBytes('shim6/i2'));
    if (!result.ok || !('options' in result.message)) throw new Error('not decoded');
    expect(findOption(result.message, 'keepaliveTimeout')?.keepaliveTimeout).toBe(15);
    expect(findOption(result.message, 'ulidPair')).toBeUndefined();
  });
});
