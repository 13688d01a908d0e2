import { MemoryDataPath } from '../../../src/dataplane/memory.js';
import { parseAddress } from '../../../src/wire/address.js';
import { buildIpv6, parseIpv6, PROTOCOL } from '../../../src/wire/ipv6.js';
import { buildIcmpError, parseIcmpError } from '../../../src/wire/icmpv6.js';
import { concatBytes, toHex } from '../../../src/wire/bytes.js';
import { encodePayloadHeader } from '../../../src/wire/shim6/index.js';
import { contextTag, ms } from '../../../src/wire/units.js';
import { note } from '../harness/coverage.js';
import { must, type Target } from '../harness/target.js';
import { sameOctets } from '../support/equal.js';
import { capturedPackets, packetUnits, repairPacket, shim6Packets } from '../support/packet.js';

const [A0, A1] = [parseAddress('2001:db8:1::a'), parseAddress('2001:db8:3::a')];
const [B0, B1] = [parseAddress('2001:db8:2::b'), parseAddress('2001:db8:4::b')];
const [A, B] = [
  [A0, A1],
  [B0, B1],
];
const TAG_A = contextTag(0x111122223333);
const TAG_B = contextTag(0x444455556666);
const MTU = 1500;

/** The first octet: 0 an application of A sends the packet, 1 it comes to A from the network. */
export const target: Target = {
  name: 'data-path',
  about: 'any packet through the data path in memory, with one session that is re-homed',
  code: ['src/dataplane/memory'],
  maxLength: MTU + 64,
  seeds,
  units: (input) => packetUnits(input.subarray(1)).map((u) => ({ from: u.from + 1, to: u.to + 1 })),
  repair: (input, random) =>
    concatBytes(input.subarray(0, 1), repairPacket(input.subarray(1), random)),
  run(input) {
    const packet = input.subarray(1);
    const before = toHex(packet);
    const b = host('b', () => undefined);
    const a = host('a', (sent) => {
      const ip = parseIpv6(sent);
      // What needs no header leaves as it is, the link's padding included.
      must(ip.ok && (sent === packet || ip.end === sent.length), 'what leaves is a packet');
      must(sent === packet || sent.length <= MTU, 'no packet is made too big');
      b.path.fromNetwork(sent);
    });
    if (input[0] === 1) {
      a.path.fromNetwork(packet);
      const translated = (a.path.counters()['icmpTranslated'] ?? 0) > 0;
      for (const got of a.delivered) delivered(got, translated);
    } else {
      a.path.fromApplication(packet);
      arrived(packet, a, b);
    }
    must(toHex(packet) === before, 'a packet that was handed over is not written to');
  },
};

interface Host {
  readonly path: MemoryDataPath;
  readonly delivered: Uint8Array[];
}

/** One end of the session: ULIDs A0 and B0, packets over A1 and B1. */
function host(which: 'a' | 'b', toNetwork: (packet: Uint8Array) => void): Host {
  const got: Uint8Array[] = [];
  const path = new MemoryDataPath({
    now: () => ms(5),
    toNetwork,
    toApplication: (p) => got.push(p),
    mtu: MTU,
  });
  path.setAddresses(which === 'a' ? A : B);
  const ulids = which === 'a' ? { local: A0, peer: B0 } : { local: B0, peer: A0 };
  const pair = which === 'a' ? { local: A1, peer: B1 } : { local: B1, peer: A1 };
  const [localTag, peerTag] = which === 'a' ? [TAG_A, TAG_B] : [TAG_B, TAG_A];
  const binding = {
    ulids,
    forkedInstanceIdentifier: 0,
    localTag,
    peerTag,
    pair,
    peerLocators: which === 'a' ? B : A,
  };
  path.install(binding);
  return { path, delivered: got };
}

/** What an application gets is a packet; an error that we wrote anew can be read. */
function delivered(packet: Uint8Array, translated: boolean): void {
  const ip = parseIpv6(packet);
  must(ip.ok, 'what an application gets is a packet');
  const error = parseIcmpError(packet.subarray(0, ip.end));
  note(`delivered ${ip.header.nextHeader} ${error.ok}`);
  must(error.ok || !translated, 'an error that is translated can be read');
}

/** A packet of the session comes out at the other end as it went in. */
function arrived(packet: Uint8Array, a: Host, b: Host): void {
  const ip = parseIpv6(packet);
  if (!ip.ok || ip.header.source !== A0 || ip.header.destination !== B0) return;
  const counters = a.path.counters();
  note(
    Object.entries(counters)
      .filter(([, n]) => n > 0)
      .map(([name]) => name)
      .join(),
  );
  const [got] = b.delivered;
  if (got === undefined) return;
  const sent = packet.subarray(0, ip.end);
  must(sameOctets(got.subarray(0, sent.length), sent), 'a packet comes out as it went in');
}

function seeds(): Uint8Array[] {
  const inside = capturedPackets()
    .slice(0, 12)
    .map((p) => p.subarray(40));
  const nextHeaders = capturedPackets().map((p) => p[6] ?? 59);
  const outbound = inside.map((payload, i) =>
    buildIpv6({ source: A0, destination: B0, nextHeader: nextHeaders[i] ?? 59, payload }),
  );
  const header = (nextHeader: number): Uint8Array =>
    encodePayloadHeader({ message: 'payload', nextHeader, receiverContextTag: TAG_A });
  const inbound = inside.map((payload, i) =>
    buildIpv6({
      source: B1,
      destination: A1,
      nextHeader: PROTOCOL.shim6,
      payload: concatBytes(header(nextHeaders[i] ?? 59), payload),
    }),
  );
  const sent = buildIpv6({
    source: A1,
    destination: B1,
    nextHeader: PROTOCOL.shim6,
    payload: concatBytes(
      encodePayloadHeader({ message: 'payload', nextHeader: 17, receiverContextTag: TAG_B }),
      new Uint8Array(32),
    ),
  });
  const errors = [1, 2, 3, 4].flatMap((type) =>
    [sent, ...outbound.slice(0, 1)].map((invokingPacket) =>
      buildIcmpError({
        source: B1,
        destination: A1,
        type,
        code: type === 4 ? 1 : 0,
        parameter: 1400,
        invokingPacket,
      }),
    ),
  );
  const [out, into] = [Uint8Array.of(0), Uint8Array.of(1)];
  return [
    ...outbound.map((p) => concatBytes(out, p)),
    ...[...inbound, ...errors, ...shim6Packets().slice(0, 3)].map((p) => concatBytes(into, p)),
  ];
}
