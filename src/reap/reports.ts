import { pairKey, samePair, type LocatorPair } from '../wire/address.js';
import type { Probe, ProbeReport } from '../wire/shim6/message.js';
import { ms, type Millis, type RandomSource } from '../wire/units.js';

/** Probes of ours remembered at most: a report of an older one proves nothing about now. */
const REMEMBERED_PROBES = 64;
/** Of two probes that arrived, one sent so many milliseconds before the other says nothing of now. */
export const OUTDATED = 10_000;

interface SentProbe {
  readonly report: ProbeReport;
  readonly pair: LocatorPair;
  readonly at: Millis;
  seenByPeer: boolean;
}

/** What is known of one pair from probes. */
export interface PairKnowledge {
  readonly pair: LocatorPair;
  lastProbed: Millis | undefined;
  lastWorked: Millis | undefined;
  /** Probes of ours since the last one that was reported. */
  unanswered: number;
  rtt: number | undefined;
  lastHeard: Millis | undefined;
}

/**
 * The memory of one context's probes: what we sent and what of it the peer has seen, what we received and what of it
 * to report (RFC 5534 §5.2). A report counts only with the very nonce and addresses that we sent.
 */
export class ProbeLog {
  readonly #random: RandomSource;
  readonly #sent = new Map<number, SentProbe>();
  #received: ProbeReport[] = [];
  /** Nonces of the peer's probes that are older than its last word. */
  readonly #settled = new Set<number>();
  readonly #pairs = new Map<string, PairKnowledge>();
  /** Reports of probes that we did not send, or no longer remember: mistakes, old news, or lies. */
  ignored = 0;

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** A new probe over `pair`; returns its report. */
  next(pair: LocatorPair, now: Millis): ProbeReport {
    let nonce = this.#random.uint32();
    while (this.#sent.has(nonce)) nonce = this.#random.uint32();
    const report = { source: pair.local, destination: pair.peer, nonce, data: 0 };
    this.#sent.set(nonce, { report, pair, at: now, seenByPeer: false });
    if (this.#sent.size > REMEMBERED_PROBES) {
      const oldest = this.#sent.keys().next();
      if (!oldest.done) this.#sent.delete(oldest.value);
    }
    const knowledge = this.knowledge(pair);
    knowledge.lastProbed = now;
    knowledge.unanswered++;
    return report;
  }

  /** This probe first, then recent ones the peer has not reported (§6.1), newest first. */
  sentReports(current: ProbeReport, limit: number): ProbeReport[] {
    const out = [current];
    for (const probe of [...this.#sent.values()].reverse()) {
      if (out.length >= limit) break;
      if (!probe.seenByPeer && probe.report !== current) out.push(probe.report);
    }
    return out;
  }

  /** The peer says that all is well: what it sent before, and lists here as not reported yet, is old news. */
  settle(sent: readonly ProbeReport[]): void {
    for (const { nonce } of sent) this.#settled.add(nonce);
    for (const nonce of this.#settled) {
      if (this.#settled.size <= REMEMBERED_PROBES) break;
      this.#settled.delete(nonce);
    }
  }
  /** A probe that its sender had sent before it said that all is well (docs/decisions/0014-fast.md). */
  isOutdated({ state, sent: [own] }: Probe): boolean {
    return state !== 'operational' && own !== undefined && this.#settled.has(own.nonce);
  }
  /** A probe arrived that is old news: only that its pair works is not. */
  heardLate({ sent }: Probe, arrival: LocatorPair, now: Millis): void {
    if (sent.length > 0) this.knowledge(arrival).lastHeard = now;
  }

  /** Newest first. */
  receivedReports(limit: number): ProbeReport[] {
    return this.#received.slice(0, limit);
  }

  /** A probe of the peer arrived. */
  heard(report: ProbeReport, now: Millis, limit: number): void {
    this.knowledge({ local: report.destination, peer: report.source }).lastHeard = now;
    if (this.#received.some((r) => r.nonce === report.nonce && r.source === report.source)) return;
    this.#received = [report, ...this.#received].slice(0, limit);
  }

  /** Only probes received since this exploration began are reported (§5.2, docs/decisions/0008-reports.md). */
  forgetReceived(): void {
    this.#received = [];
  }

  /**
   * The pairs that the peer's reports prove, in the order it gave them; anything we did not send is ignored, and so is
   * what a much newer report overtakes: in a long exploration the peer repeats old news. */
  proven(
    reports: readonly ProbeReport[],
    now: Millis,
    {
      first,
      since = ms(-Infinity),
    }: {
      /** Told of each that was not reported before, with its round trip in milliseconds. */
      readonly first?: (pair: LocatorPair, rtt: number) => void;
      /** Probes of ours from before then prove nothing any more. */
      readonly since?: Millis;
    } = {},
  ): LocatorPair[] {
    const seen: SentProbe[] = [];
    for (const r of reports) {
      const probe = this.#sent.get(r.nonce);
      if (!probe || probe.pair.local !== r.source || probe.pair.peer !== r.destination) {
        this.ignored++;
        continue;
      }
      const knowledge = this.knowledge(probe.pair);
      if (!probe.seenByPeer) {
        probe.seenByPeer = true;
        knowledge.rtt = now - probe.at;
        knowledge.unanswered = 0;
        first?.(probe.pair, now - probe.at);
      }
      knowledge.lastWorked = now;
      seen.push(probe);
    }
    const newest = Math.max(...seen.map((probe) => probe.at));
    const out: LocatorPair[] = [];
    for (const { pair, at } of seen) {
      if (at < since) continue;
      if (newest - at > OUTDATED || out.some((p) => samePair(p, pair))) continue;
      out.push(pair);
    }
    return out;
  }

  knowledge(pair: LocatorPair): PairKnowledge {
    const key = pairKey(pair);
    let k = this.#pairs.get(key);
    if (!k) {
      k = {
        pair,
        lastProbed: undefined,
        lastWorked: undefined,
        unanswered: 0,
        rtt: undefined,
        lastHeard: undefined,
      };
      this.#pairs.set(key, k);
    }
    return k;
  }

  /** Forgets pairs that no longer exist. */
  keepOnly(pairs: readonly LocatorPair[]): void {
    const keys = new Set(pairs.map(pairKey));
    for (const key of [...this.#pairs.keys()]) if (!keys.has(key)) this.#pairs.delete(key);
  }
}
