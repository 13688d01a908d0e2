import { RULES, type ReapConstants } from '../../reap/constants.js';
import { OUTDATED } from '../../reap/reports.js';
import { samePair, type Address, type LocatorPair } from '../../wire/address.js';
import type { Probe, ProbeReport, ProbeState } from '../../wire/shim6/index.js';
import type { Millis } from '../../wire/units.js';
import type { SentPacket, TraceEntry } from '../trace/recorder.js';

export interface CheckOptions {
  /** Whether the one-way path from and to these locators works at that time. */
  readonly works: (source: Address, destination: Address, at: Millis) => boolean;
  /** The pair each host, A and B, sends payload over before anything happens. */
  readonly initial: Readonly<Record<'A' | 'B', LocatorPair>>;
  readonly reap: ReapConstants;
  readonly nameOf: (address: Address) => string;
}

/** One host as its messages show it; a model of its own, which knows nothing of the engine. */
class Host {
  readonly name: string;
  state: ProbeState = 'operational';
  /** What it must send payload over. */
  pair: LocatorPair;
  /** When the peer was last heard. */
  heardAt: Millis;
  readonly sent: { readonly report: ProbeReport; readonly at: Millis }[] = [];
  readonly arrived: ProbeReport[] = [];
  /** Probes that answer something are due now: how many. */
  owed = 0;

  constructor(name: string, pair: LocatorPair, now: Millis) {
    this.name = name;
    this.pair = pair;
    this.heardAt = now;
  }
}

/**
 * Checks a recorded exploration of two hosts message by message, against RFC 5534 §6 and what figure 2 of seed 001
 * shows. Returns what is wrong, in sentences; empty: nothing.
 */
export function checkMessages(entries: readonly TraceEntry[], options: CheckOptions): string[] {
  return new Check(entries, options).run();
}

class Check {
  readonly #options: CheckOptions;
  readonly #steps: {
    readonly at: Millis;
    readonly what: 'sent' | 'arrived';
    readonly packet: SentPacket;
  }[];
  readonly #hosts: Map<string, Host>;
  readonly #faults: string[] = [];

  constructor(entries: readonly TraceEntry[], options: CheckOptions) {
    this.#options = options;
    const packets = entries.filter((entry) => entry.kind === 'packet');
    const start = packets[0]?.at ?? (0 as Millis);
    this.#hosts = new Map(
      (['A', 'B'] as const).map((name) => [name, new Host(name, options.initial[name], start)]),
    );
    // What arrives is seen before what is sent in answer at the same instant.
    this.#steps = packets
      .flatMap((packet, i) => [
        { at: packet.at, what: 'sent' as const, packet, rank: 2 * i + 1 },
        ...(packet.arrivedAt === undefined
          ? []
          : [{ at: packet.arrivedAt, what: 'arrived' as const, packet, rank: -1 }]),
      ])
      .sort((a, b) => a.at - b.at || a.rank - b.rank);
  }

  run(): string[] {
    for (const { at, what, packet } of this.#steps) {
      const host = this.#hosts.get((what === 'sent' ? packet.from : packet.to) ?? '');
      if (host === undefined) continue;
      if (what === 'sent') this.#sent(host, packet, at);
      else this.#arrived(host, packet, at);
    }
    for (const host of this.#hosts.values()) {
      const { local, peer } = host.pair;
      if (host.state !== 'operational') this.#fault(host, 'is not Operational at the end');
      const end = this.#steps.at(-1)?.at ?? (0 as Millis);
      if (!this.#options.works(local, peer, end))
        this.#fault(host, 'ends on a path that does not work');
      if (host.owed > 0) this.#fault(host, 'owes an answer to a probe');
    }
    return this.#faults;
  }

  #sent(host: Host, packet: SentPacket, at: Millis): void {
    const pair = { local: packet.source, peer: packet.destination };
    const works = this.#options.works(pair.local, pair.peer, at);
    if (works !== (packet.fate !== 'cut'))
      this.#fault(host, `${this.#over(pair)}: fate ${packet.fate}`);
    const { control } = packet;
    if (control === undefined) return this.#payload(host, pair);
    if (control.message === 'keepalive') return;
    if (control.message !== 'probe')
      return this.#fault(host, `sent an unexpected ${control.message}`);
    this.#probe(host, control, pair, at);
  }

  #payload(host: Host, pair: LocatorPair): void {
    if (!samePair(pair, host.pair)) {
      this.#fault(host, `payload over ${this.#over(pair)} instead of ${this.#over(host.pair)}`);
    }
  }

  #probe(host: Host, probe: Probe, pair: LocatorPair, at: Millis): void {
    const [own] = probe.sent;
    if (own === undefined || own.source !== pair.local || own.destination !== pair.peer) {
      return this.#fault(host, 'a probe does not report itself first');
    }
    if (host.sent.some(({ report }) => report.nonce === own.nonce))
      this.#fault(host, 'a nonce comes twice');
    if (probe.state !== host.state && !this.#gaveUp(host, probe, at)) {
      this.#fault(host, `sent ${probe.state}, is ${host.state}`);
    }
    host.state = probe.state;
    for (const report of probe.received) {
      if (!host.arrived.some((r) => sameReport(r, report))) {
        this.#fault(host, `reports a probe that it never got (${report.nonce.toString(16)})`);
      }
    }
    if (probe.state === 'operational' && !samePair(pair, host.pair)) {
      this.#fault(host, `Operational over ${this.#over(pair)}, not over the pair it chose`);
    }
    host.owed = Math.max(0, host.owed - 1);
    host.sent.push({ report: own, at });
  }

  /** §6.4: only after a send timer without a word from the peer; then everything begins anew. */
  #gaveUp(host: Host, probe: Probe, at: Millis): boolean {
    return probe.state === 'exploring' && at - host.heardAt >= this.#options.reap.sendTimeout - 1;
  }

  #arrived(host: Host, packet: SentPacket, at: Millis): void {
    host.heardAt = at;
    const { control } = packet;
    if (control?.message !== 'probe') {
      // §6.1, §6.6: payload and keepalives are a sign of life.
      if (host.state === 'exploring') {
        host.state = 'inboundOk';
        host.owed++;
      }
      return;
    }
    const [own] = control.sent;
    if (own !== undefined) {
      if (control.state === 'exploring' && host.state === 'operational') host.arrived.length = 0;
      host.arrived.push({ ...own, source: packet.source, destination: packet.destination });
    }
    this.#choose(host, control, at);
    if (control.state === 'exploring')
      host.state = 'inboundOk'; // §6.7
    else host.state = 'operational'; // §6.8, §6.9
    if (control.state !== 'operational') host.owed++;
  }

  /** §6.8: among the pairs that the peer reports, of probes that were really sent; whichever the rules prefer. */
  #choose(host: Host, probe: Probe, at: Millis): void {
    if (probe.state === 'exploring') return;
    const { choice } = this.#options.reap.rules ?? RULES;
    if (
      host.state === 'operational' &&
      (probe.state === 'operational' || choice === 'first-heard')
    ) {
      return;
    }
    const known = probe.received.flatMap(
      (report) => host.sent.find((own) => sameReport(own.report, report)) ?? [],
    );
    // What a much newer probe overtakes is old news.
    const newest = Math.max(...known.map((own) => own.at));
    const proven = known
      .filter((own) => newest - own.at <= OUTDATED)
      .map(({ report: r }): LocatorPair => ({ local: r.source, peer: r.destination }));
    const stay = choice === 'keep-current' && proven.some((pair) => samePair(pair, host.pair));
    const to = choice === 'first-heard' ? proven.at(-1) : proven[0];
    if (to === undefined || stay) return;
    if (!this.#options.works(to.local, to.peer, at)) this.#fault(host, 'moves to a dead path');
    host.pair = to;
  }

  #over({ local, peer }: LocatorPair): string {
    return `${this.#options.nameOf(local)}>${this.#options.nameOf(peer)}`;
  }

  #fault(host: Host, text: string): void {
    this.#faults.push(`${host.name} ${text}`);
  }
}

const sameReport = (a: ProbeReport, b: ProbeReport): boolean =>
  a.nonce === b.nonce && a.source === b.source && a.destination === b.destination;
