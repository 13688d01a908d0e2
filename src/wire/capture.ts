/** What reading a capture gives (pcap.ts, pcapng.ts). Both read leniently: what can be read is given. */

export interface CapturedPacket {
  readonly kind: 'packet';
  /** Nanoseconds since 1970; undefined where the format keeps none (pcapng's Simple Packet Block). */
  readonly timestamp: bigint | undefined;
  readonly linkType: number;
  readonly interfaceId: number;
  readonly interfaceName?: string;
  /** The octets in the file, link-layer header included: `ipv6OfFrame` takes that off. */
  readonly frame: Uint8Array;
  /** Octets on the wire, more than `frame.length` when the capture cut it. */
  readonly originalLength: number;
}

/** Something in the file that could not be read; after it the reading goes on if it can. */
export interface CaptureProblem {
  readonly kind: 'problem';
  readonly code: 'REHOME_E_CAPTURE';
  /** Octets from the start of the file. */
  readonly offset: number;
  readonly reason:
    | 'not-a-capture'
    | 'truncated-header'
    | 'truncated-packet'
    | 'truncated-block'
    | 'bad-block-length'
    | 'unknown-interface';
}

export type CaptureItem = CapturedPacket | CaptureProblem;

export const captureProblem = (
  offset: number,
  reason: CaptureProblem['reason'],
): CaptureProblem => ({ kind: 'problem', code: 'REHOME_E_CAPTURE', offset, reason });
