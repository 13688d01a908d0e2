import type { Address } from '../../../../src/wire/address.js';
import { buildIcmpError } from '../../../../src/wire/icmpv6.js';
import { buildIpv6 } from '../../../../src/wire/ipv6.js';
import { encodePayloadHeader } from '../../../../src/wire/shim6/index.js';
import { addMs, contextTag, ms } from '../../../../src/wire/units.js';
import { locator } from '../../../support/engines.js';
import { strangerArrives } from './arrival.js';
import type { FuzzHost } from './host.js';
import { anyOf, mutated, pool, readdressed, tags } from './hostile.js';
import type { People } from './people.js';
import { readHead, readRecords, type Operation, type Record } from './program.js';
import { strangerPacket } from './stranger.js';
import { configOf, STRANGE, World } from './world.js';

/** Runs a program to its end. @throws OracleError when something does not hold; whatever an engine throws */
export function runProgram(
  people: People,
  input: Uint8Array,
  trace?: (line: string) => void,
): void {
  const world = new World(people, readHead(input), trace);
  for (const record of readRecords(input)) {
    const host = world.hosts[record.host];
    trace?.(
      `${world.now.toFixed(1)} ${record.operation} ${host.name} ${record.b} ${record.c} ${record.argument}`,
    );
    host.now = world.now;
    DO[record.operation](world, host, record);
  }
  world.endQuietly();
}

type Doing = (world: World, host: FuzzHost, r: Record) => void;

/** Up to twelve minutes, the short ones more often. */
const duration = (r: Record): number => ((r.argument & 0xffff) * 10 ** (r.c & 3)) / 100;

/** Peers that a person may name: the other host's addresses mostly. */
const peerOf = (world: World, host: FuzzHost, which: number): Address | undefined =>
  anyOf(
    [...world.other(host).addresses, ...world.people.addresses.X, ...host.addresses, ...STRANGE],
    which,
  );

const asked = (
  world: World,
  host: FuzzHost,
  what: string,
  make: Parameters<FuzzHost['call']>[1],
): void => world.carry(host, host.call(what, make));

const HAPPENED = [['sent'], ['received'], ['sent', 'received'], ['received', 'sent']] as const;

const DO: { readonly [K in Operation]: Doing } = {
  establish(world, host, r) {
    const local = anyOf(host.addresses, r.b);
    const peer = peerOf(world, host, r.b >>> 2);
    if (local === undefined || peer === undefined) return;
    asked(world, host, 'establish', () =>
      host.engine.establish({ local, peer }, world.now, r.c & 3),
    );
  },
  deliver(world, _host, r) {
    for (let i = 0; i <= (r.b & 7); i++) {
      const flying = anyOf(world.flying, r.c & 15);
      if (!flying) return;
      const twice = (r.c & 16) !== 0;
      if (!twice) world.flying.splice(world.flying.indexOf(flying), 1);
      world.arrive(flying.packet, twice ? 'and stays' : 'delivered');
    }
  },
  lose(world, _host, r) {
    if (world.flying.length > 0) world.flying.splice(r.b % world.flying.length, 1 + (r.c & 7));
  },
  pass: (world, _host, r) => world.pass(duration(r), false),
  flow: (world, _host, r) => world.pass(duration(r), true),
  cut(world, _host, r) {
    world.cut = r.argument;
  },
  payload(world, host, r) {
    // Once, or up to sixteen times, a millisecond apart.
    for (let left = r.b >>> 4; left >= 0; left--) {
      world.carry(host, host.payload(r.b & 15, HAPPENED[r.c & 3] ?? ['sent']));
      if (left > 0) world.now = host.now = addMs(world.now, 1);
    }
  },
  locators(world, host, r) {
    host.locators = host.addresses.flatMap((address, i) =>
      ((r.b >>> i) & 1) === 0
        ? []
        : [
            locator(address, {
              ifindex: i + 1,
              operational: ((r.c >>> i) & 1) === 0,
              deprecated: ((r.c >>> (4 + i)) & 1) === 1,
              priority: (r.argument >>> (4 * i)) & 3,
              weight: (r.argument >>> (4 * i + 2)) & 3,
              transient: ((r.argument >>> (16 + i)) & 1) === 1,
            }),
          ],
    );
    asked(world, host, 'locators', () => host.engine.setLocalLocators(host.locators, world.now));
  },
  explore(world, host, r) {
    const peer = peerOf(world, host, r.b);
    if (peer !== undefined)
      asked(world, host, 'explore', () => host.engine.explore(peer, world.now));
  },
  forget(world, host, r) {
    const tag = anyOf(host.views, r.b)?.localTag ?? contextTag(r.argument);
    asked(world, host, 'forget', () => host.engine.forget(tag, world.now));
  },
  inUse(world, host, r) {
    const pairs = host.views.filter((_, i) => ((r.b >>> i) & 1) === 0).map((v) => v.ulids);
    asked(world, host, 'inUse', () => host.engine.inUse(pairs, world.now));
  },
  invalidate(world, host, r) {
    const ulid = anyOf(host.addresses, r.b);
    if (ulid !== undefined)
      asked(world, host, 'invalidate', () => host.engine.invalidateUlid(ulid, world.now));
  },
  configure(world, host, r) {
    const unwelcome = (r.b & 4) === 0 ? undefined : peerOf(world, host, r.c >>> 2);
    host.config = configOf(
      (r.b & 1) === 0 ? 'rfc' : 'paper',
      (r.b & 2) === 0 ? 64 : 1 + (r.c & 3),
      unwelcome === undefined ? [] : [{ address: unwelcome, length: 128 }],
    );
    asked(world, host, 'configure', () => host.engine.configure(host.config, world.now));
  },
  icmp(world, host, r) {
    const invokingPacket = anyOf(world.history, r.b);
    const source = peerOf(world, host, r.argument & 15);
    const destination = host.addresses[0];
    if (!invokingPacket || source === undefined || destination === undefined) return;
    const cut = invokingPacket.subarray(
      0,
      (r.argument & 0x80) === 0 ? undefined : (r.argument >>> 8) & 0xff,
    );
    const packet = buildIcmpError({
      source,
      destination,
      type: 1 + (r.c & 3),
      code: (r.c >>> 2) & 7,
      invokingPacket: cut,
    });
    asked(world, host, 'icmp', () => host.engine.icmp(packet, world.now));
  },
  offer(world, host, r) {
    const flows = host.addresses.flatMap((local, i) => {
      const peer = peerOf(world, host, r.b >>> (2 * i));
      if (peer === undefined || ((r.c >>> i) & 1) === 1) return [];
      const { now } = world;
      return [
        {
          local,
          peer,
          packets: r.c >>> 4,
          bytes: r.argument & 0xffff,
          firstSeen: ms(now - (r.argument >>> 20)),
          lastSeen: now,
          outbound: (r.argument & 1) === 0,
          protocol: 6,
          peerPort: [22, 53, 443, 1000][(r.argument >>> 16) & 3] ?? 22,
        },
      ];
    });
    asked(world, host, 'offer', () => host.engine.offerFlows(flows, world.now));
  },
  restart: (world, host) => world.carry(host, host.restart()),
  replay(world, host, r) {
    const packet = anyOf(world.history, r.b);
    if (!packet) return;
    const from = (r.c & 1) === 0 ? packet : readdressed(packet, 8, anyOf(pool(world), r.argument));
    const to =
      (r.c & 2) === 0 ? from : readdressed(from, 24, anyOf(host.addresses, r.argument >>> 8));
    world.arrive(to, 'replayed');
  },
  mutate(world, host, r) {
    const packet = anyOf(world.history, r.b);
    if (!packet) return;
    const changed = mutated(world, packet, r.c & 15, r.argument);
    // Several changes in a row: what is changed is remembered like what is sent.
    if ((r.c & 16) !== 0) world.remember(changed);
    world.arrive(changed, `mutated, kind ${r.c & 15}`, host);
  },
  stranger(world, host, r) {
    const packet = strangerPacket(world, host, r);
    if (packet) strangerArrives(world, host, packet);
  },
  orphan(world, host, r) {
    const source = anyOf(pool(world), r.b);
    const destination = anyOf(host.addresses, r.c);
    if (source === undefined || destination === undefined) return;
    const receiverContextTag = contextTag(
      (r.argument & 1) === 0 ? (anyOf(tags(world), r.argument >>> 1) ?? 0) : r.argument,
    );
    const header = encodePayloadHeader({ message: 'payload', nextHeader: 6, receiverContextTag });
    const packet = buildIpv6({ source, destination, nextHeader: 140, payload: header });
    world.remember(packet); // for ICMPv6 errors about it
    world.arrive(packet, 'payload');
  },
};
