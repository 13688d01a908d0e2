import { setTimeout as sleep } from 'node:timers/promises';
import type { PassageReport } from '../../sim/sam/report.js';
import { parseAddress, type Address } from '../../wire/address.js';
import { parseIcmpv6, readEcho } from '../../wire/icmpv6.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import type { SiteCapture } from './capture.js';
import type { Site } from './site.js';

/** What was seen of one packet; `PassageReport` without its name and verdict. */
export type Passage = Omit<PassageReport, 'name' | 'expected'>;

/** A node and one of its interfaces. */
export type Place = readonly [node: string, name: string];

export interface WatchPlaces {
  /** Where packets of the site are sent; they may be in outer packets there. */
  readonly origins: readonly Place[];
  /** Routers of the providers, towards the site. */
  readonly providers: readonly Place[];
  /** Where they arrive. */
  readonly far: Place;
  /** What a provider is called, by its node and interface. Default: the node. */
  readonly nameOf?: (place: Place) => string;
}

/** Milliseconds until what has been heard has been read. */
const SETTLE = 20;
const HOP_LIMIT = 7;

const keyOf = (from: Address, to: Address, identifier: number, sequence: number): string =>
  `${from} ${to} ${identifier} ${sequence}`;

interface Sight {
  readonly role: 'origin' | 'provider' | 'far';
  readonly name: string;
  readonly key: string;
  readonly packet: Uint8Array;
}

/** Listens where the site's packets leave it and where they arrive. */
export class Watch {
  private readonly site: Site;
  private readonly seen: Sight[] = [];

  /** @param capture gets everything that is heard */
  constructor(site: Site, places: WatchPlaces, capture?: SiteCapture) {
    this.site = site;
    const { nameOf = ([node]) => node } = places;
    const listen = (place: Place, role: Sight['role'], out: boolean): void => {
      site.tap(place[0], place[1], (packet, sent) => {
        if (sent !== out) return;
        capture?.record(place.join(' '), packet);
        this.note(role, nameOf(place), packet);
      });
    };
    for (const place of places.origins) listen(place, 'origin', true);
    for (const place of places.providers) listen(place, 'provider', false);
    listen(places.far, 'far', false);
  }

  private note(role: Sight['role'], name: string, outer: Uint8Array): void {
    const packet = outer[6] === PROTOCOL.ipv6 ? outer.subarray(IPV6_HEADER) : outer;
    const message = parseIcmpv6(packet);
    const echo = message.ok ? readEcho(message) : undefined;
    if (!message.ok || echo === undefined || echo.reply) return;
    const { source, destination } = message.header;
    const key = keyOf(source, destination, echo.identifier, echo.sequence);
    this.seen.push({ role, name, key, packet });
  }

  /** Sends one echo request from a node with this source, and follows it. */
  async follow(node: string, source: string, destination: string): Promise<Passage> {
    const [from, to] = [parseAddress(source), parseAddress(destination)];
    const pinger = this.site.pinger(node);
    this.seen.length = 0;
    const result = await pinger.ping(from, to);
    await sleep(SETTLE);
    const key = keyOf(from, to, pinger.identifier, pinger.sequence);
    const sights = this.seen.filter((s) => s.key === key);
    const of = (role: Sight['role']): Sight[] => sights.filter((s) => s.role === role);
    const [sent, came] = [of('origin')[0], of('far')[0]];
    return {
      source: from,
      destination: to,
      leftBy: of('provider').map((s) => s.name),
      arrived: came !== undefined,
      rttMs: result.rttMs ?? null,
      error: result.error ?? null,
      unchanged: sent && came ? same(sent.packet, came.packet) : null,
    };
  }
}

/** Octet for octet but for the hop limit. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => i === HOP_LIMIT || octet === b[i]);
}
