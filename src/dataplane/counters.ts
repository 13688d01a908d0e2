/**
 * Names of data path counters that mean the same in every implementation. A data path may count more under names of
 * its own. Packets unless said otherwise.
 */
export const COUNTER = {
  /** Payload that left with a Payload Extension header (RFC 5533 §11.1). */
  encoded: 'encoded',
  /** Payload whose Payload Extension header was taken off and delivered (RFC 5533 §12.2). */
  decoded: 'decoded',
  /** Payload of a context that left or came in as it was (RFC 5533 §11, §12.1). */
  sentUnshimmed: 'sent-unshimmed',
  receivedUnshimmed: 'received-unshimmed',
  controlSent: 'control-sent',
  controlReceived: 'control-received',
  /** `send` said no. */
  controlRefused: 'control-refused',
  /** Payload Extension header with a tag that no context has: reported, not delivered. */
  unknownTag: 'unknown-tag',
  dropUlidNotLocal: 'drop-ulid-not-local',
  dropSourceNotPeerLocator: 'drop-source-not-peer-locator',
  dropMalformed: 'drop-malformed',
  /** A second protocol-140 header behind a Payload Extension header. */
  dropNested: 'drop-nested',
  /** With its eight more octets the packet would not fit the link. */
  dropTooBig: 'drop-too-big',
  icmpTranslated: 'icmp-translated',
  /** Reported to the daemon only: Shim6 can act on it, the transport should not (RFC 5533 §8). */
  icmpAbsorbed: 'icmp-absorbed',
  /** Unprotected flows forgotten because there were too many (a count of flows). */
  flowsEvicted: 'flows-evicted',
} as const;

export type CounterName = (typeof COUNTER)[keyof typeof COUNTER];

const ZEROS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.values(COUNTER).map((name) => [name, 0]),
);

/** Counters in memory: names to numbers, every shared name present from the start. */
export class Counters {
  readonly #values = new Map<string, number>();

  add(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  snapshot(): Record<string, number> {
    return { ...ZEROS, ...Object.fromEntries(this.#values) };
  }
}
