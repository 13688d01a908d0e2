import { describe, expect, it } from 'vitest';
import { RFC5533 } from '../../src/shim6/constants.js';
import { PAPER } from '../../src/reap/constants.js';
import { locator } from '../support/engines.js';
import {
  fork,
  H0,
  H1,
  i2,
  i2bis,
  list,
  octetsOf,
  only,
  OTHER_TAG,
  P0,
  P1,
  payloadPacket,
  preferences,
  Puppet,
  r1,
  r1bis,
  raw,
  TAG,
  ulidPair,
} from './puppet.js';
import type { ControlMessage } from '../../src/wire/shim6/index.js';

/** RFC 5533 §5, RFC 5534 §5, octet by octet, on packets the engine itself sends and receives. */

/** Reserved bits by message: octet of the Shim6 header, mask (from the figures, not from the codec). */
const RESERVED: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  1: [
    [3, 0xfe],
    [6, 0x80],
  ],
  2: [
    [3, 0xfe],
    [6, 0xff],
    [7, 0xff],
  ],
  3: [
    [3, 0xfe],
    [6, 0x80],
    [20, 0xff],
    [21, 0xff],
    [22, 0xff],
    [23, 0xff],
  ],
  4: [
    [3, 0xfe],
    [6, 0x80],
  ],
  5: [
    [3, 0xfe],
    [6, 0x80],
  ],
  6: [
    [3, 0xfe],
    [6, 0x80],
    [20, 0xff],
    [21, 0xff],
    [22, 0xff],
    [23, 0xff],
    [24, 0xff],
    [25, 0xff],
    [26, 0x80],
  ],
  64: [
    [3, 0xfe],
    [6, 0x80],
  ],
  65: [
    [3, 0xfe],
    [6, 0x80],
  ],
  66: [
    [3, 0xfe],
    [6, 0x80],
    [12, 0xff],
    [13, 0xff],
    [14, 0xff],
    [15, 0xff],
  ],
  67: [
    [3, 0xfe],
    [6, 0x80],
    [13, 0x3f],
    [14, 0xff],
    [15, 0xff],
  ],
};
/** Where the options begin; undefined: behind the probe records. */
const OPTIONS: Readonly<Record<number, number>> = {
  1: 16,
  2: 16,
  3: 24,
  4: 16,
  5: 16,
  6: 32,
  64: 16,
  65: 16,
  66: 16,
};
const typeOf = (octets: Uint8Array): number => octets[2] ?? -1;
const optionsAt = (octets: Uint8Array): number =>
  typeOf(octets) === 67
    ? 16 + 40 * (((octets[12] ?? 0) >> 4) + ((octets[12] ?? 0) & 15))
    : (OPTIONS[typeOf(octets)] ?? octets.length);

interface RawOption {
  readonly at: number;
  readonly type: number;
  readonly critical: boolean;
  readonly length: number;
  readonly padding: readonly number[];
  readonly end: number;
}
/** Options as the formula of §5.15 says they lie. */
function optionsOf(octets: Uint8Array): RawOption[] {
  const out: RawOption[] = [];
  for (let at = optionsAt(octets); at < octets.length;) {
    const word = (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0);
    const length = (octets[at + 2] ?? 0) * 256 + (octets[at + 3] ?? 0);
    const end = at + 11 + length - ((length + 3) % 8);
    out.push({
      at,
      type: word >> 1,
      critical: (word & 1) === 1,
      length,
      padding: [...octets.subarray(at + 4 + length, end)],
      end,
    });
    at = end;
  }
  return out;
}

/** Every kind of message that an engine sends, several of most, as Shim6 octets. */
function everythingSent(): Map<number, Uint8Array[]> {
  const forked = new Puppet({ reap: PAPER }).toI2Sent(7);
  forked.pass(20_000);
  const p = new Puppet({ reap: PAPER, shim6: { ...RFC5533, i2bisRetriesMax: 0 } }).initiated();
  p.do(p.engine.setLocalLocators([locator(H0, { priority: 3 }), locator(H1)], p.now));
  p.say({
    message: 'updateRequest',
    receiverContextTag: p.localTag,
    requestNonce: 9,
    options: [list(8)],
  });
  p.pass(1_000).payload('received').pass(10_000);
  p.do(p.engine.explore(P0, p.now));
  p.pass(20_000).toI2bisSent(P1, H1).pass(60_000);
  const q = new Puppet({ reap: PAPER }).responded();
  q.packet(payloadPacket(P0, H0, OTHER_TAG));
  const octets = Uint8Array.from(octetsOf(r1(1)));
  octets[2] = 99;
  q.packet(raw(P0, H0, octets));
  const owing = new Puppet().initiated().pass(20_000);
  const out = new Map<number, Uint8Array[]>();
  for (const s of [...forked.all, ...p.all, ...q.all, ...owing.all]) {
    const shim6 = s.packet.subarray(40);
    out.set(typeOf(shim6), [...(out.get(typeOf(shim6)) ?? []), shim6]);
  }
  return out;
}
const SENT = everythingSent();
const ALL = [...SENT.values()].flat();

describe('what is sent', () => {
  it('is of every type the two RFCs define [RFC5534-5.1-1] [RFC5534-5.2-1]', () => {
    expect([...SENT.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 64, 65, 66, 67, 68]);
  });

  it('is a multiple of 8 octets and no packet over 1280 [RFC5533-5.3-1] [RFC5533-5.1-1]', () => {
    for (const octets of ALL) {
      expect(octets.length % 8).toBe(0);
      expect(octets.length).toBe(8 * ((octets[1] ?? 0) + 1));
    }
    // As many locators as a host can have, with everything else that goes along.
    const many = Array.from({ length: 60 }, (_, i) =>
      locator(`2001:db8:a1::${(i + 1).toString(16)}`, { priority: i, weight: 1 }),
    );
    const p = new Puppet({ reap: PAPER }, 1, many).initiated([list(7)]).toI2bisSent(P1);
    p.pass(100_000);
    const big = new Uint8Array(1280 - 40 - 8);
    p.packet(raw(P0, H0, Uint8Array.of(59, (big.length + 8) / 8 - 1, 99, 0, 0, 0, 0, 0, ...big)));
    for (const s of p.all) expect(s.packet.length).toBeLessThanOrEqual(1280);
    expect(only(p.all, 'i2bis').length).toBeGreaterThan(0);
  });

  it('has zeros where the figures say Reserved [RFC5533-5.4-1] [RFC5533-5.5-1] [RFC5533-5.6-1] [RFC5533-5.7-1] [RFC5533-5.8-1] [RFC5533-5.9-1] [RFC5533-5.10-1] [RFC5533-5.11-1] [RFC5534-5.1-2] [RFC5534-5.2-2] [RFC5534-5.2-5]', () => {
    for (const octets of ALL) {
      for (const [at, mask] of RESERVED[typeOf(octets)] ?? []) {
        expect([typeOf(octets), at, (octets[at] ?? 0) & mask]).toEqual([typeOf(octets), at, 0]);
      }
    }
  });

  it('has options that fill 8 octets with zeros, outside their length [RFC5533-5.15-1] [RFC5533-5.15-2] [RFC5533-5.15-3]', () => {
    const padded = new Set<number>();
    for (const octets of ALL) {
      if (typeOf(octets) === 68) continue;
      for (const o of optionsOf(octets)) {
        expect((o.end - o.at) % 8).toBe(0);
        expect(o.end).toBeLessThanOrEqual(octets.length);
        expect(o.padding.length).toBeLessThan(8);
        expect(o.padding.every((b) => b === 0)).toBe(true);
        if (o.padding.length > 0) padded.add(o.type);
        // Lengths that a wrong rule would get wrong.
        if (o.type === 6) expect(o.length).toBe(36);
        if (o.type === 7) expect(o.length).toBe(4);
      }
    }
    expect(padded.has(3)).toBe(true); // preferences: 5 octets and 3 for each locator
  });

  it('says the Keepalive Timeout with type 10, length 4 and zeros before it [RFC5534-5.3-4] [RFC5534-5.3-5] [RFC5534-5.3-6]', () => {
    const found = ALL.filter((o) => [3, 4, 6].includes(typeOf(o))).flatMap((octets) =>
      optionsOf(octets)
        .filter((o) => o.type === 10)
        .map((o) => [o.length, ...octets.subarray(o.at + 4, o.end)]),
    );
    expect(found.length).toBeGreaterThan(2);
    for (const f of found) expect(f).toEqual([4, 0, 0, 0, 3]);
  });

  it('has the ULID Pair with zeros before the addresses [RFC5533-5.15.6-3]', () => {
    const found = ALL.filter((o) => [1, 6].includes(typeOf(o))).flatMap((octets) =>
      optionsOf(octets)
        .filter((o) => o.type === 6)
        .map((o) => [...octets.subarray(o.at + 4, o.at + 8)]),
    );
    expect(found.length).toBeGreaterThan(0);
    for (const f of found) expect(f).toEqual([0, 0, 0, 0]);
  });

  it('quotes as much of a wrong packet as fits [RFC5533-5.14-1]', () => {
    for (const size of [16, 160, 1232, 1240, 2040]) {
      const p = new Puppet();
      const octets = new Uint8Array(size).fill(0xaa);
      octets.set([59, size / 8 - 1, 99, 0]);
      const packet = raw(P0, H0, octets);
      p.packet(packet);
      const { message, packet: sent } = p.one('error');
      const quoted = Math.min(packet.length, 1280 - 40 - 8);
      expect(sent.length).toBeLessThanOrEqual(1280);
      expect(message.packetInError.subarray(0, quoted)).toEqual(packet.subarray(0, quoted));
    }
  });
});

/** The same conversation, with `change` done to every octet string the peer sends. */
function conversation(change: (octets: Uint8Array) => Uint8Array): string[] {
  const said: string[] = [];
  const say = (p: Puppet, message: ControlMessage, source = P0, destination = H0): void => {
    p.heard();
    p.packet(raw(source, destination, change(octetsOf(message))));
    said.push(p.names().join(), JSON.stringify(p.engine.contexts()));
  };
  const p = new Puppet();
  p.start();
  say(p, r1(p.one('i1').message.initiatorNonce));
  const { initiatorNonce } = p.last('i2').message;
  const options = [
    list(7),
    preferences(7, [0, 2, 1]),
    { option: 'keepaliveTimeout', keepaliveTimeout: 30 },
  ] as const;
  say(p, { message: 'r2', responderContextTag: TAG, initiatorNonce, options });
  const receiverContextTag = p.localTag;
  say(p, { message: 'keepalive', receiverContextTag, options: [] });
  say(p, {
    message: 'updateRequest',
    receiverContextTag,
    requestNonce: 3,
    options: [list(8, [P0, P1])],
  });
  const report = { source: P0, destination: H0, nonce: 4, data: 0 };
  say(p, {
    message: 'probe',
    receiverContextTag,
    state: 'exploring',
    sent: [report],
    received: [],
    options: [],
  });
  p.do(p.engine.setLocalLocators([locator(H0), locator(H1)], p.now));
  const { requestNonce } = p.last('updateRequest').message;
  say(p, { message: 'updateAcknowledgement', receiverContextTag, requestNonce, options: [] });
  say(p, r1bis(TAG), P1, H1);
  const q = new Puppet();
  say(
    q,
    {
      message: 'i1',
      initiatorContextTag: TAG,
      initiatorNonce: 5,
      options: [fork(2), ulidPair(P0, H0)],
    },
    P1,
    H1,
  );
  say(q, i2(q.last('r1'), TAG, [fork(2), ulidPair(P0, H0), list(7)]), P1, H1);
  q.packet(payloadPacket(P0, H0, OTHER_TAG));
  say(q, i2bis(q.last('r1bis'), OTHER_TAG, [list(9, [P1])]));
  return said;
}

describe('what is received', () => {
  const plain = conversation((octets) => octets);

  it('is a conversation in which every message counts', () => {
    expect(plain.filter((_, i) => i % 2 === 0)).toEqual([
      'i2',
      '',
      '',
      'updateAcknowledgement',
      'probe',
      '',
      'i2bis',
      'r1',
      'r2',
      'r2',
    ]);
  });

  it('means the same whatever its reserved bits say [RFC5533-5.4-1] [RFC5533-5.5-1] [RFC5533-5.6-1] [RFC5533-5.7-1] [RFC5533-5.8-1] [RFC5533-5.9-1] [RFC5533-5.10-1] [RFC5533-5.11-1] [RFC5534-5.1-2] [RFC5534-5.2-2] [RFC5534-5.2-5]', () => {
    const set = conversation((octets) => {
      const out = octets.slice();
      for (const [at, mask] of RESERVED[typeOf(out)] ?? []) out[at] = (out[at] ?? 0) | mask;
      return out;
    });
    expect(set).toEqual(plain);
    let n = 0;
    const some = conversation((octets) => {
      const out = octets.slice();
      for (const [at, mask] of RESERVED[typeOf(out)] ?? []) {
        out[at] = (out[at] ?? 0) | (mask & (n++ * 0x5b));
      }
      return out;
    });
    expect(some).toEqual(plain);
  });

  it('means the same whatever the padding and the reserved octets of options hold [RFC5533-5.15-4] [RFC5533-5.15.6-3] [RFC5534-5.3-6]', () => {
    let touched = 0;
    const dirty = conversation((octets) => {
      const out = octets.slice();
      for (const o of optionsOf(out)) {
        out.fill(0xff, o.at + 4 + o.length, o.end);
        if (o.type === 6) out.fill(0xff, o.at + 4, o.at + 8);
        if (o.type === 10) out.fill(0xff, o.at + 4, o.at + 6);
        // Between the methods and the locators of a list there is padding, too (§5.15.2).
        if (o.type === 2) {
          const count = out[o.at + 8] ?? 0;
          out.fill(0xff, o.at + 9 + count, o.at + 4 + o.length - 16 * count);
        }
        touched += o.padding.length;
      }
      return out;
    });
    expect(touched).toBeGreaterThan(0);
    expect(dirty).toEqual(plain);
  });
});
