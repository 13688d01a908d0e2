import type { SamCounter, SamKernelEvent } from '../../dataplane/sam/layout.js';
import { ErrorBudget } from '../../sam/error-budget.js';
import { fromHost, type Verdict } from '../../sam/forward.js';
import { errorAbout, translateError, UNREACHABLE, type ErrorToSend } from '../../sam/icmp.js';
import type { SamTable } from '../../sam/table.js';
import { ICMPV6_TYPE } from '../../wire/icmpv6.js';
import { IPV6_HEADER, parseIpv6 } from '../../wire/ipv6.js';
import type { Millis } from '../../wire/units.js';

const unreachable = (code: number): ErrorToSend => ({
  type: ICMPV6_TYPE.destinationUnreachable,
  code,
});
/** Drops that somebody is told of (RFC 4443 §3.1), as in sam/forward.ts. */
const TOLD: Partial<Record<SamCounter, ErrorToSend>> = {
  'drop-no-such-child': unreachable(UNREACHABLE.address),
  'drop-no-such-address': unreachable(UNREACHABLE.address),
  'drop-source-policy': unreachable(UNREACHABLE.sourcePolicy),
  'drop-not-below': unreachable(UNREACHABLE.noRoute),
};

/**
 * What the kernel programs leave to the daemon: ICMPv6 errors about packets that they dropped, the translation of errors
 * about outer packets (RFC 2473 §8), and packets that limit their own encapsulation. The very functions of `src/sam`.
 */
export class SamAnswers {
  readonly #send: (packet: Uint8Array, ifindex: number) => boolean;
  readonly #budget = new ErrorBudget();
  readonly #counters = new Map<string, number>();

  /** @param send a whole packet by an interface, or (0) as the routes say */
  constructor(send: (packet: Uint8Array, ifindex: number) => boolean) {
    this.#send = send;
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters);
  }

  handle(event: SamKernelEvent, table: SamTable, now: Millis): void {
    switch (event.kind) {
      case 'drop': {
        const error = event.reason === undefined ? undefined : TOLD[event.reason];
        const reply = error === undefined ? undefined : errorAbout(table, event.packet, error);
        if (reply !== undefined) this.#tell(reply, now);
        return;
      }
      case 'error': {
        const zone = table.zones[event.zone];
        if (zone === undefined) return;
        const found = translateError(table, zone, event.packet);
        if (!found.ok) return this.#count(`drop-${found.reason}`);
        this.#count('error-translated');
        return this.#tell(found.packet, now);
      }
      case 'limit':
        return this.#encapsulate(event.packet, table, now);
      default:
        return;
    }
  }

  #encapsulate(packet: Uint8Array, table: SamTable, now: Millis): void {
    const parsed = parseIpv6(packet);
    const whole = parsed.ok && IPV6_HEADER + parsed.header.payloadLength === packet.length;
    if (!whole) return this.#count('drop-limited-too-long');
    this.#carryOut(fromHost(table, packet), now);
  }

  #carryOut(verdict: Verdict, now: Millis): void {
    switch (verdict.verdict) {
      case 'send':
        this.#count(
          this.#send(verdict.packet, verdict.interface) ? 'limited-sent' : 'drop-refused',
        );
        return;
      case 'drop': {
        this.#count(`drop-${verdict.reason}`);
        const { reply } = verdict;
        if (reply?.verdict === 'deliver') this.#tell(reply.packet, now);
        return;
      }
      default:
        return;
    }
  }

  /** RFC 4443 §2.4 (f): not too many. */
  #tell(error: Uint8Array, now: Millis): void {
    if (!this.#budget.take(now)) return this.#count('error-not-sent');
    this.#count(this.#send(error, 0) ? 'error-sent' : 'drop-refused');
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}
