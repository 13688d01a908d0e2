import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import { buildIcmpError } from '../../src/wire/icmpv6.js';
import type { ControlMessage, Shim6Option } from '../../src/wire/shim6/index.js';
import {
  fork,
  H0,
  i2,
  i2bis,
  list,
  octetsOf,
  OTHER_TAG,
  P0,
  P1,
  payloadPacket,
  Puppet,
  r1,
  r1bis,
  raw,
  TAG,
  ulidPair,
  X,
} from '../conformance/puppet.js';

/** RFC 5533 §5.15, §7.x validity checks, §12.2 to §12.4: what is done with what arrives. */

const probe = (p: Puppet): ControlMessage => ({
  message: 'probe',
  receiverContextTag: p.localTag,
  state: 'exploring',
  sent: [{ source: P0, destination: H0, nonce: 9, data: 0 }],
  received: [],
  options: [],
});

/** A message that would be answered or change the state, how to get there, and the id that wants it checked. */
const EFFECTIVE: readonly [string, () => { p: Puppet; message: ControlMessage }][] = [
  [
    'i1',
    () => ({
      p: new Puppet(),
      message: { message: 'i1', initiatorContextTag: TAG, initiatorNonce: 1, options: [] },
    }),
  ],
  [
    'r1',
    () => {
      const p = new Puppet().start();
      return { p, message: r1(p.one('i1').message.initiatorNonce) };
    },
  ],
  [
    'i2',
    () => {
      const p = new Puppet();
      return { p, message: i2(p.r1For(TAG), TAG) };
    },
  ],
  [
    'r2',
    () => {
      const p = new Puppet().toI2Sent();
      const { initiatorNonce } = p.one('i2').message;
      return {
        p,
        message: { message: 'r2', responderContextTag: TAG, initiatorNonce, options: [list(7)] },
      };
    },
  ],
  [
    'r1bis',
    () => {
      const p = new Puppet().initiated();
      p.heard();
      return { p, message: r1bis(TAG) };
    },
  ],
  [
    'i2bis',
    () => {
      const p = new Puppet();
      p.packet(payloadPacket(P0, H0, OTHER_TAG));
      return { p, message: i2bis(p.one('r1bis'), TAG) };
    },
  ],
  [
    'updateRequest',
    () => {
      const p = new Puppet().initiated();
      p.heard();
      const options = [list(8, [P0, P1])];
      return {
        p,
        message: {
          message: 'updateRequest',
          receiverContextTag: p.localTag,
          requestNonce: 1,
          options,
        },
      };
    },
  ],
  [
    'probe',
    () => {
      const p = new Puppet().initiated();
      p.heard();
      return { p, message: probe(p) };
    },
  ],
];

/** What a packet changed: the state, and what was said. */
const effect = (p: Puppet, packet: Uint8Array): string => {
  const contexts = () => p.engine.contexts().map((c) => ({ ...c, reap: c.reap?.state }));
  const before = JSON.stringify(contexts());
  p.packet(packet);
  const after = JSON.stringify(contexts());
  return `${p.names().join(' ')}${before === after ? '' : ' changed'}`;
};

describe('the checks of §12.3, for every message', () => {
  it.each(EFFECTIVE)('lets a right %s act', (_name, make) => {
    const { p, message } = make();
    expect(effect(p, raw(P0, H0, octetsOf(message)))).not.toBe('');
  });

  it.each(EFFECTIVE)(
    'drops %s with a wrong checksum, past the end of its packet, or between wrong addresses, without a word [RFC5533-12.3-1]',
    (_name, make) => {
      const { p, message } = make();
      const octets = octetsOf(message);
      expect(effect(p, raw(P0, H0, octets, true))).toBe('');
      const longer = octets.slice();
      longer[1] = (longer[1] ?? 0) + 1;
      expect(effect(p, raw(P0, H0, longer))).toBe('');
      const group = parseAddress('ff02::1');
      const nobody = parseAddress('::');
      for (const [source, destination] of [
        [group, H0],
        [nobody, H0],
        [P0, group],
        [P0, nobody],
      ] as const) {
        expect(effect(p, raw(source, destination, octets))).toBe('');
      }
      expect(effect(p, raw(P0, H0, octets))).not.toBe('');
    },
  );

  it('drops an Update Acknowledgement that is damaged, and takes the whole one', () => {
    const p = new Puppet().initiated();
    p.do(p.engine.setLocalLocators(p.engine.localLocators().slice(0, 1), p.now));
    const { requestNonce } = p.last('updateRequest').message;
    const octets = octetsOf({
      message: 'updateAcknowledgement',
      receiverContextTag: p.localTag,
      requestNonce,
      options: [],
    });
    const repeats = (): number => {
      p.heard();
      p.pass(130_000);
      return p.heard().filter((s) => s.message.message === 'updateRequest').length;
    };
    p.packet(raw(P0, H0, octets, true));
    expect(repeats()).toBeGreaterThan(0);
    p.packet(raw(P0, H0, octets));
    expect(repeats()).toBe(0);
  });
});

/** The message cut to one unit less than its fixed part, its length field and checksum in order. */
const shortened = (message: ControlMessage, units: number): Uint8Array => {
  const cut = octetsOf(message).slice(0, 8 * units);
  cut[1] = units - 1;
  return cut;
};
const shortest = (name: string): number => (name === 'i2' ? 3 : name === 'i2bis' ? 4 : 2);

describe('messages that are too short', () => {
  it.each(EFFECTIVE)(
    '%s shorter than its fixed part is dropped without a word [RFC5533-7.9-1] [RFC5533-7.11-1] [RFC5533-7.13-1] [RFC5533-7.16-1] [RFC5533-7.18-1] [RFC5533-7.20-1] [RFC5533-10.4-1]',
    (name, make) => {
      const { p, message } = make();
      for (let units = 1; units < shortest(name); units++) {
        expect(effect(p, raw(P0, H0, shortened(message, units)))).toBe('');
      }
      expect(effect(p, raw(P0, H0, octetsOf(message)))).not.toBe('');
    },
  );

  it('an Update Acknowledgement of 8 octets is dropped without a word [RFC5533-10.5-1]', () => {
    const p = new Puppet().initiated();
    p.heard();
    const octets = shortened(
      {
        message: 'updateAcknowledgement',
        receiverContextTag: OTHER_TAG, // unknown: a whole one would be answered with R1bis
        requestNonce: 1,
        options: [],
      },
      1,
    );
    expect(effect(p, raw(P0, H0, octets))).toBe('');
  });
});

describe('options', () => {
  const unknown = (critical: boolean): Shim6Option => ({
    option: 'unknown',
    type: 16_400,
    contents: Uint8Array.of(1, 2, 3),
    critical,
  });
  /** Known, but not of I1. */
  const misplaced = (critical: boolean): Shim6Option => ({
    option: 'unknown',
    type: 3,
    contents: Uint8Array.of(0, 0, 0, 0, 1, 0),
    critical,
  });
  const i1 = (...options: Shim6Option[]): ControlMessage => ({
    message: 'i1',
    initiatorContextTag: TAG,
    initiatorNonce: 0x0a0b0c0d,
    options,
  });

  it.each([
    ['unknown', unknown],
    ['misplaced', misplaced],
  ] as const)(
    'that are %s with C=1 get Error 1 at their type, and the rest is not processed [RFC5533-5.15-5] [RFC5533-5.15-6] [RFC5533-5.15-7] [RFC5533-12.3-3]',
    (_which, make) => {
      const p = new Puppet();
      for (const options of [[make(true)], [fork(1), make(true)], [make(true), fork(1)]]) {
        p.say(i1(...options));
        const { message, source, destination } = p.one('error');
        expect([source, destination]).toEqual([H0, P0]);
        expect(message.errorCode).toBe(1);
        const at = options[0]?.option === 'unknown' ? 0 : 8;
        expect(message.pointer).toBe(40 + 16 + at);
        const type = make(true) as Extract<Shim6Option, { option: 'unknown' }>;
        const found =
          (message.packetInError[message.pointer] ?? 0) * 256 +
          (message.packetInError[message.pointer + 1] ?? 0);
        expect(found).toBe(type.type * 2 + 1);
      }
      expect(p.engine.contexts()).toEqual([]);
    },
  );

  it('with C=1 that are unknown stop every message [RFC5533-5.15-7] [RFC5533-12.3-3]', () => {
    for (const [, make] of EFFECTIVE) {
      const { p, message } = make();
      if (message.message === 'error') continue;
      const bad = { ...message, options: [...message.options, unknown(true)] } as ControlMessage;
      expect(effect(p, raw(P0, H0, octetsOf(bad)))).toBe('error');
    }
  });

  it.each([
    ['unknown', unknown],
    ['misplaced', misplaced],
  ] as const)('that are %s with C=0 are skipped [RFC5533-5.15-8]', (_which, make) => {
    const p = new Puppet();
    p.say(i1(make(false), fork(5)));
    const answer = p.one('r1');
    p.say(i2(answer, TAG, [unknown(false), fork(5), list(7)]));
    p.one('r2');
    expect(p.context(H0, P0, 5)?.state).toBe('ESTABLISHED');
  });

  it('an option that is known is not refused for its Critical bit', () => {
    const p = new Puppet();
    p.say(i1({ ...fork(5), critical: true }));
    p.one('r1');
  });

  it('an unknown message type gets Error 0 at the type octet [RFC5533-12.3-2]', () => {
    for (const type of [0, 7, 63, 69, 127]) {
      const p = new Puppet();
      const octets = octetsOf(i1());
      octets[2] = type;
      p.packet(raw(P0, H0, octets));
      const { message } = p.one('error');
      expect(message).toMatchObject({ errorCode: 0, pointer: 40 + 2 });
      expect(message.packetInError[message.pointer]).toBe(type);
    }
  });

  it('an Error message is never answered with one', () => {
    const p = new Puppet();
    const packetInError = Uint8Array.from({ length: 40 }, () => 0xff);
    p.say({ message: 'error', errorCode: 1, pointer: 3, packetInError });
    p.say({ message: 'error', errorCode: 99, pointer: 0xffff, packetInError });
    expect(p.names()).toEqual([]);
  });
});

describe('payload with a header, and the states', () => {
  it('in I2-SENT makes the I2 go out again, in I1-SENT nothing [RFC5533-12.2-3]', () => {
    const p = new Puppet().start();
    p.heard();
    expect(effect(p, payloadPacket(P0, H0, p.localTag))).toBe('');
    const q = new Puppet().toI2Sent();
    q.heard();
    expect(effect(q, payloadPacket(P0, H0, q.localTag))).toBe('i2');
  });
});

describe('lookup of control messages in a context', () => {
  it('wants source and destination of the two sets for Keepalive and Probe too, else R1bis [RFC5533-12.4-1]', () => {
    for (const [source, destination] of [
      [X, H0],
      [P0, X],
    ] as const) {
      const p = new Puppet().initiated();
      p.heard();
      const before = p.engine.contexts();
      p.say(probe(p), source, destination);
      expect(p.one('r1bis').message.packetContextTag).toBe(p.localTag);
      p.pass(1_000);
      p.heard();
      p.say(
        { message: 'keepalive', receiverContextTag: p.localTag, options: [] },
        source,
        destination,
      );
      expect(p.names()).toEqual(['r1bis']);
      expect(p.engine.contexts()).toEqual(before);
    }
  });

  it('finds the context of an Error message by what the packet in error says [RFC5533-12.4-2]', () => {
    const p = new Puppet().initiated();
    p.do(p.engine.setLocalLocators(p.engine.localLocators().slice(0, 2), p.now));
    const update = p.last('updateRequest');
    p.say({ message: 'error', errorCode: 3, pointer: 60, packetInError: update.packet });
    const about = p.events.filter((e) => e.name === 'error-received');
    expect(about).toHaveLength(1);
    expect(about[0]).toMatchObject({ localTag: p.localTag, detail: { errorCode: 3, pointer: 60 } });
    // Not our tag, or not our address: no context of ours.
    const other = octetsOf({ ...update.message, receiverContextTag: OTHER_TAG });
    for (const packetInError of [raw(H0, P0, other), raw(X, P0, octetsOf(update.message))]) {
      p.say({ message: 'error', errorCode: 3, pointer: 60, packetInError });
    }
    expect(p.events.filter((e) => e.name === 'error-received')).toHaveLength(1);
  });

  it('finds the context of an ICMPv6 error by the quoted header, and looks sooner [RFC5533-12.4-2] [RFC5533-8-3]', () => {
    for (const [type, code, acted] of [
      [1, 0, true],
      [1, 1, true],
      [1, 2, true],
      [1, 3, true],
      [1, 5, true],
      [1, 6, true],
      [3, 0, true],
      [1, 4, false],
      [2, 0, false],
    ] as const) {
      const p = new Puppet().initiated();
      p.pass(20_000); // what the exchange started has run out
      p.payload('received').payload('sent');
      p.heard();
      const icmp = buildIcmpError({
        source: X,
        destination: H0,
        type,
        code,
        invokingPacket: payloadPacket(H0, P0, TAG),
      });
      p.do(p.engine.icmp(icmp, p.now));
      p.pass(2_000);
      expect([type, code, p.names().includes('probe')]).toEqual([type, code, acted]);
    }
  });
});

describe('an ULID pair that is not ours', () => {
  it('gets neither R1 nor state', () => {
    const p = new Puppet();
    const message: ControlMessage = {
      message: 'i1',
      initiatorContextTag: TAG,
      initiatorNonce: 1,
      options: [ulidPair(P0, X)],
    };
    p.say(message);
    expect(p.names()).toEqual([]);
    expect(p.engine.contexts()).toEqual([]);
  });
});
