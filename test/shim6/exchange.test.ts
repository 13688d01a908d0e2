import { describe, expect, it } from 'vitest';
import { buildControlPacket, encodeControl } from '../../src/wire/shim6/index.js';
import { buildIpv6 } from '../../src/wire/ipv6.js';
import { parseAddress } from '../../src/wire/address.js';
import { contextTag } from '../../src/wire/units.js';
import { testConfig, Wire, type TestHost } from '../support/engines.js';

const A = ['2001:db8:a1::1', '2001:db8:a2::1'];
const B = ['2001:db8:b1::1', '2001:db8:b2::1'];

function two(config = testConfig()): { wire: Wire; a: TestHost; b: TestHost } {
  const wire = new Wire();
  return { wire, a: wire.add('A', A, config), b: wire.add('B', B, config) };
}
const agree = (a: TestHost, b: TestHost): void => {
  expect(a.context()?.state).toBe('ESTABLISHED');
  expect(b.context()?.state).toBe('ESTABLISHED');
  expect(a.context()?.localTag).toBe(b.context()?.peerTag);
  expect(b.context()?.localTag).toBe(a.context()?.peerTag);
};

describe('exchanges that cross', () => {
  it('two I1 that cross are answered by two R2 [RFC5533 §7.4] [RFC5533 §7.9]', () => {
    const { wire, a, b } = two();
    wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
    wire.run(b, b.engine.establish({ local: b.address(0), peer: a.address(0) }, wire.now));
    wire.pass(100);
    expect(wire.names()).toEqual(['A:i1', 'B:i1', 'B:r2', 'A:r2']);
    agree(a, b);
  });

  it('an I2 that crosses an I1 ends in one context on each side [RFC5533 §7.4]', () => {
    const { wire, a, b } = two();
    wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
    wire.pass(7); // B has answered R1 and forgotten; the R1 is in flight
    wire.run(b, b.engine.establish({ local: b.address(0), peer: a.address(0) }, wire.now));
    wire.pass(200);
    agree(a, b);
    expect(a.engine.contexts()).toHaveLength(1);
    expect(b.engine.contexts()).toHaveLength(1);
  });

  it('survives the loss of any one of the four messages', () => {
    for (const name of ['i1', 'r1', 'i2', 'r2']) {
      const { wire, a, b } = two();
      let lost = 0;
      wire.lose = (c) => c.message.message === name && lost++ === 0;
      wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
      wire.pass(20_000);
      expect(lost, name).toBeGreaterThan(0);
      agree(a, b);
    }
  });

  it('a second R2 is normal input (lesson 9) [RFC5533 §7.16]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b);
    const r2 = wire.crossed.find((c) => c.message.message === 'r2');
    if (r2) wire.inject(r2.packet);
    wire.pass(100);
    agree(a, b);
    expect(a.engine.counters()['drop-r2-no-context']).toBe(1);
  });

  it('replaces the context when the peer starts anew with another tag [RFC5533 §7.9] [RFC5533 §7.13]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b);
    const tag = a.context()?.localTag;
    if (tag !== undefined) wire.run(a, a.engine.forget(tag, wire.now));
    const from = wire.crossed.length;
    wire.establish(a, b);
    expect(wire.names(from).slice(0, 4)).toEqual(['A:i1', 'B:r1', 'A:i2', 'B:r2']);
    agree(a, b);
    expect(b.engine.contexts()).toHaveLength(1);
  });
});

describe('several contexts with one peer', () => {
  it('keeps contexts of different ULID pairs apart', () => {
    const { wire, a, b } = two();
    wire.establish(a, b, 0, 0);
    wire.establish(a, b, 1, 1);
    expect(a.engine.contexts()).toHaveLength(2);
    expect(new Set(a.engine.contexts().map((c) => c.localTag)).size).toBe(2);
    expect(new Set(b.engine.contexts().map((c) => c.ulids.local))).toEqual(new Set(B));
  });

  it('keeps a forked instance beside the default one [RFC5533 §7.7]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b);
    const ulids = { local: a.address(0), peer: b.address(0) };
    wire.run(a, a.engine.establish(ulids, wire.now, 77));
    wire.pass(100);
    expect(
      b.engine
        .contexts()
        .map((c) => c.forkedInstanceIdentifier)
        .sort(),
    ).toEqual([0, 77]);
    const i1 = wire.crossed.filter((c) => c.message.message === 'i1')[1];
    expect(i1 && 'options' in i1.message && i1.message.options[0]).toMatchObject({
      option: 'forkedInstanceIdentifier',
      forkedInstanceIdentifier: 77,
    });
  });

  it('drops the old context when the peer reuses its tag for other ULIDs [RFC5533 §7.15]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b, 0, 0);
    const used = a.context()?.peerTag;
    expect(used).toBeDefined();
    if (used === undefined) return;
    // B has restarted and draws, of all tags, the same one for another ULID pair. Only its I2 is evidence (§7.6).
    const tag = b.context()?.localTag;
    if (tag !== undefined) wire.run(b, b.engine.forget(tag, wire.now));
    const i1 = {
      message: 'i1',
      initiatorContextTag: used,
      initiatorNonce: 5,
      options: [],
    } as const;
    const [b1, a1] = [b.address(1), a.address(1)];
    wire.run(a, a.engine.receive(buildControlPacket(b1, a1, i1), wire.now));
    expect(a.engine.contexts()).toHaveLength(1);
    const r1 = wire.crossed.at(-1)?.message;
    if (r1?.message !== 'r1') throw new Error('expected an R1');
    const i2 = {
      message: 'i2',
      initiatorContextTag: used,
      initiatorNonce: 6,
      responderNonce: r1.responderNonce,
      options: [
        ...r1.options,
        {
          option: 'locatorList',
          generation: 1,
          locators: B.map((x) => ({ address: parseAddress(x), method: 254 })),
        },
      ],
    } as const;
    wire.run(a, a.engine.receive(buildControlPacket(b1, a1, i2), wire.now));
    expect(a.engine.contexts().map((c) => c.ulids.local)).toEqual([A[1]]);
    expect(a.engine.counters()['confusions']).toBe(1);
  });
});

describe('a responder without state', () => {
  it('keeps nothing for a thousand I1 [RFC5533 §7.10]', () => {
    const { wire, b } = two();
    for (let i = 0; i < 1000; i++) {
      const message = {
        message: 'i1',
        initiatorContextTag: contextTag(i),
        initiatorNonce: i,
        options: [],
      } as const;
      const source = parseAddress(`2001:db8:f::${(i + 1).toString(16)}`);
      wire.run(b, b.engine.receive(buildControlPacket(source, b.address(0), message), wire.now));
    }
    expect(b.engine.contexts()).toHaveLength(0);
    expect(b.engine.nextDeadline()).toBeUndefined();
    expect(b.engine.counters()['sent-r1']).toBe(1000);
  });

  it('accepts an I2 within VALIDATOR_MIN_LIFETIME and not long after [RFC5533 §7.13]', () => {
    for (const [age, accepted] of [
      [29_000, true],
      [45_000, false],
    ] as const) {
      const { wire, a, b } = two();
      let held: Uint8Array | undefined;
      wire.lose = (c) => {
        if (c.message.message === 'i2') held ??= c.packet;
        return c.message.message === 'i2';
      };
      wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
      wire.pass(11);
      expect(held).toBeDefined();
      wire.pass(age);
      if (held) wire.run(b, b.engine.receive(held, wire.now));
      expect(b.engine.contexts().length, `${age} ms`).toBe(accepted ? 1 : 0);
    }
  });

  it('accepts the validator only from where and for whom it was made', () => {
    const { wire, a, b } = two();
    let i2: Uint8Array | undefined;
    wire.lose = (c) => {
      if (c.message.message === 'i2') i2 ??= c.packet;
      return c.message.message === 'i2';
    };
    wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
    wire.pass(50);
    if (!i2) throw new Error('no I2');
    const elsewhere = buildIpv6({
      source: parseAddress('2001:db8:bad::1'),
      destination: b.address(0),
      nextHeader: 140,
      payload: i2.subarray(40),
    });
    wire.run(b, b.engine.receive(elsewhere, wire.now));
    expect(b.engine.contexts()).toHaveLength(0);
    expect(b.engine.counters()['drop-i2-validator']).toBe(1);
  });

  it('makes no context for a ULID that is not its own', () => {
    const { wire, b } = two();
    const i1 = {
      message: 'i1',
      initiatorContextTag: contextTag(9),
      initiatorNonce: 1,
      options: [
        {
          option: 'ulidPair',
          senderUlid: parseAddress(A[0] ?? ''),
          receiverUlid: parseAddress('2001:db8:77::7'),
        },
      ],
    } as const;
    wire.run(
      b,
      b.engine.receive(
        buildControlPacket(parseAddress('2001:db8:a1::1'), b.address(0), i1),
        wire.now,
      ),
    );
    expect(wire.names()).toEqual([]);
    expect(b.engine.counters()['drop-ulid-not-local']).toBe(1);
  });
});

describe('peers that do not speak Shim6', () => {
  it('are left alone for ICMP_HOLDDOWN_TIME after Parameter Problem about our I1 [RFC5533 §7.8]', () => {
    const { wire, a } = two();
    const peer = parseAddress('2001:db8:c::1');
    wire.run(a, a.engine.establish({ local: a.address(0), peer }, wire.now));
    const i1 = wire.crossed[0]?.packet ?? new Uint8Array();
    wire.run(a, a.engine.icmp(parameterProblem(peer, a.address(0), i1), wire.now));
    expect(a.engine.contexts()).toHaveLength(0);
    expect(a.engine.refusals()).toMatchObject([{ state: 'NO-SUPPORT', until: 600_000 }]);
    const flow = {
      local: a.address(0),
      peer,
      packets: 1e6,
      bytes: 1e9,
      firstSeen: wire.now,
      lastSeen: wire.now,
      outbound: true,
      protocol: 6,
      peerPort: 22,
    };
    wire.run(a, a.engine.offerFlows([flow], wire.now));
    expect(a.engine.contexts()).toHaveLength(0);
    wire.pass(600_001);
    wire.run(a, a.engine.offerFlows([flow], wire.now));
    expect(a.engine.contexts()).toHaveLength(1);
  });

  it('cannot be faked with an I1 that we did not send', () => {
    const { wire, a } = two();
    const peer = parseAddress('2001:db8:c::1');
    wire.run(a, a.engine.establish({ local: a.address(0), peer }, wire.now));
    const forged = buildControlPacket(a.address(0), peer, {
      message: 'i1',
      initiatorContextTag: contextTag(1),
      initiatorNonce: 1,
      options: [],
    });
    wire.run(a, a.engine.icmp(parameterProblem(peer, a.address(0), forged), wire.now));
    expect(a.engine.contexts()).toHaveLength(1);
    expect(a.engine.refusals()).toEqual([]);
  });
});

describe('Error messages', () => {
  const errorsOf = (wire: Wire) =>
    wire.crossed.flatMap((c) => (c.message.message === 'error' ? [c.message] : []));

  it('answers an unknown message type with code 0, pointing at the type [RFC5533 §12.3]', () => {
    const { wire, b } = two();
    const payload = encodeControl({
      message: 'keepalive',
      receiverContextTag: contextTag(1),
      options: [],
    });
    payload[2] = 99;
    fixChecksum(payload);
    const packet = buildIpv6({
      source: parseAddress('2001:db8:a1::1'),
      destination: b.address(0),
      nextHeader: 140,
      payload,
    });
    wire.run(b, b.engine.receive(packet, wire.now));
    expect(errorsOf(wire)).toMatchObject([{ errorCode: 0, pointer: 42 }]);
  });

  it('refuses a whole list for one bad locator with code 2 at its method octet [RFC5533 §7.2]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b);
    const from = wire.crossed.length;
    const tag = b.context()?.localTag ?? contextTag(0);
    const locators = [
      { address: a.address(0), method: 254 },
      { address: a.address(1), method: 1 },
    ];
    const update = {
      message: 'updateRequest',
      receiverContextTag: tag,
      requestNonce: 1,
      options: [{ option: 'locatorList', generation: 9, locators }],
    } as const;
    wire.run(b, b.engine.receive(buildControlPacket(a.address(0), b.address(0), update), wire.now));
    // IPv6 40, fixed part 16, option header 4, generation 4, count 1, then the second method octet.
    expect(errorsOf(wire)).toMatchObject([{ errorCode: 2, pointer: 40 + 16 + 9 + 1 }]);
    expect(wire.names(from)).toEqual(['B:error']);
    expect(b.context()?.peerLocators.map((l) => l.address)).toEqual(A);
  });

  it('answers preferences for another generation with code 3, for another count with code 4 [RFC5533 §10.4]', () => {
    const { wire, a, b } = two();
    wire.establish(a, b);
    const tag = b.context()?.localTag ?? contextTag(0);
    const list = wire.crossed
      .flatMap((c) => (c.message.message === 'i2' ? c.message.options : []))
      .find((o) => o.option === 'locatorList');
    const generation = list?.option === 'locatorList' ? list.generation : 0;
    const send = (g: number, count: number): void => {
      const elements = Array.from({ length: count }, () => ({ flags: 0 }));
      const update = {
        message: 'updateRequest',
        receiverContextTag: tag,
        requestNonce: 1,
        options: [{ option: 'locatorPreferences', generation: g, elementLength: 1, elements }],
      } as const;
      const packet = buildControlPacket(a.address(0), b.address(0), update);
      wire.run(b, b.engine.receive(packet, wire.now));
    };
    send((generation + 1) >>> 0, 2);
    send(generation, 3);
    expect(errorsOf(wire)).toMatchObject([
      { errorCode: 3, pointer: 40 + 16 + 4 },
      { errorCode: 4, pointer: 40 + 16 + 2 },
    ]);
    send(generation, 2);
    expect(wire.names().at(-1)).toBe('B:updateAcknowledgement');
  });

  it('never answers an Error with an Error, and never leaves for multicast', () => {
    const { wire, b } = two();
    const error = {
      message: 'error',
      errorCode: 1,
      pointer: 0,
      packetInError: new Uint8Array(48),
    } as const;
    wire.run(
      b,
      b.engine.receive(
        buildControlPacket(parseAddress('2001:db8:a1::1'), b.address(0), error),
        wire.now,
      ),
    );
    const i1 = {
      message: 'i1',
      initiatorContextTag: contextTag(1),
      initiatorNonce: 1,
      options: [],
    } as const;
    wire.run(
      b,
      b.engine.receive(buildControlPacket(parseAddress('ff02::1'), b.address(0), i1), wire.now),
    );
    expect(wire.names()).toEqual([]);
    expect(b.engine.counters()).toMatchObject({
      'drop-error-no-context': 1,
      'drop-not-unicast': 1,
    });
  });
});

function fixChecksum(bytes: Uint8Array): void {
  bytes[4] = bytes[5] = 0;
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes[4] = (~sum >>> 8) & 0xff;
  bytes[5] = ~sum & 0xff;
}

/** ICMPv6 type 4 code 1 about a whole packet (RFC 4443 §3.4). The checksum is the data path's business. */
function parameterProblem(from: string, to: string, about: Uint8Array): Uint8Array {
  const payload = new Uint8Array(8 + about.length);
  payload.set([4, 1, 0, 0, 0, 0, 0, 6]);
  payload.set(about, 8);
  const packet = buildIpv6({
    source: parseAddress(from),
    destination: parseAddress(to),
    nextHeader: 58,
    payload,
  });
  let sum = 58 + payload.length;
  for (let i = 8; i < 40; i += 2) sum += ((packet[i] ?? 0) << 8) | (packet[i + 1] ?? 0);
  for (let i = 40; i < packet.length; i += 2) sum += ((packet[i] ?? 0) << 8) | (packet[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet[42] = (~sum >>> 8) & 0xff;
  packet[43] = ~sum & 0xff;
  return packet;
}
