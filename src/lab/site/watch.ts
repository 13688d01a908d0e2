import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress, type Address } from '../../wire/address.js';
import { parseIcmpv6, readEcho } from '../../wire/icmpv6.js';
import type { PassageReport } from '../../sim/sam/report.js';
import type { Site } from './site.js';

/** What was seen of one packet; `PassageReport` without its name and verdict. */
export type Passage = Omit<PassageReport, 'name' | 'expected'>;

/** Milliseconds until what has been heard has been read. */
const SETTLE = 20;

const keyOf = (from: Address, to: Address, identifier: number, sequence: number): string =>
  `${from} ${to} ${identifier} ${sequence}`;

/** Listens where the site's packets leave it and where they arrive. */
export class Watch {
  private readonly site: Site;
  private readonly far: string;
  private readonly seen: { readonly place: string; readonly key: string }[] = [];

  /** @param providers node and interface towards the site; @param far node and interface of the Internet host */
  constructor(
    site: Site,
    providers: readonly (readonly [node: string, name: string])[],
    far: readonly [node: string, name: string],
  ) {
    this.site = site;
    for (const [node, name] of [...providers, far]) {
      site.tap(node, name, (packet, sent) => {
        if (!sent) this.note(node, packet);
      });
    }
    this.far = far[0];
  }

  private note(place: string, packet: Uint8Array): void {
    const message = parseIcmpv6(packet);
    const echo = message.ok ? readEcho(message) : undefined;
    if (!message.ok || echo === undefined || echo.reply) return;
    const { source, destination } = message.header;
    this.seen.push({ place, key: keyOf(source, destination, echo.identifier, echo.sequence) });
  }

  /** Sends one echo request from a node with this source, and follows it. */
  async follow(node: string, source: string, destination: string): Promise<Passage> {
    const [from, to] = [parseAddress(source), parseAddress(destination)];
    const pinger = this.site.pinger(node);
    this.seen.length = 0;
    const result = await pinger.ping(from, to);
    await sleep(SETTLE);
    const key = keyOf(from, to, pinger.identifier, pinger.sequence);
    const places = this.seen.filter((s) => s.key === key).map((s) => s.place);
    return {
      source: from,
      destination: to,
      leftBy: places.filter((p) => p !== this.far),
      arrived: places.includes(this.far),
      rttMs: result.rttMs ?? null,
      error: result.error ?? null,
      unchanged: null,
    };
  }
}
