/** What the lab tells a flow program on standard input, one JSON object per line. Times are milliseconds. */
export type FlowCommand =
  | ({ readonly do: 'open' } & FlowEnd)
  /** Gaps are counted from now on. */
  | { readonly do: 'watch' }
  /** Asks for an `arrivals` message. */
  | { readonly do: 'report' }
  /** Ends every flow; the program waits for the next. */
  | { readonly do: 'close' };

/** One end of a flow: where it is, and what its application does there. */
export interface FlowEnd {
  readonly id: number;
  readonly local: string;
  readonly port: number;
  readonly peer: string;
  readonly peerPort: number;
  readonly behaviour: Behaviour;
}

export type Behaviour =
  /** A datagram every `interval`, the first after `phase`. */
  | {
      readonly kind: 'beat';
      readonly interval: number;
      readonly size: number;
      readonly phase: number;
    }
  /** Takes what comes. */
  | { readonly kind: 'sink' }
  /** The same, and is not ended by `close`. */
  | { readonly kind: 'hold' }
  /** Sends `size` octets back for every datagram, its number in front; 0: as many as came. */
  | { readonly kind: 'echo'; readonly size: number }
  /** Asks, waits for the answer, thinks; asks again after 1, 2, 4 ... s without one. The first time after `phase`. */
  | {
      readonly kind: 'ask';
      readonly think: number;
      readonly size: number;
      readonly phase: number;
    }
  /** Keystrokes every `interval` for `active`, then nothing for `idle`. */
  | {
      readonly kind: 'keys';
      readonly interval: number;
      readonly active: number;
      readonly idle: number;
      readonly phase: number;
    }
  /** TCP transfers that begin at random, `arrivals` a second, with Pareto sizes. */
  | {
      readonly kind: 'transfers';
      readonly arrivals: number;
      readonly meanSize: number;
      readonly alpha: number;
      readonly seed: string;
    }
  /** Takes TCP connections and what they bring. */
  | { readonly kind: 'accept' };

/** What one end got. Times: monotonic milliseconds. */
export interface EndArrivals {
  readonly id: number;
  readonly packets: number;
  readonly octets: number;
  readonly lastAt: number | null;
  readonly longestGap: number;
}

/** What a flow program tells on standard output, one JSON object per line. */
export type FlowMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'opened'; readonly id: number }
  | { readonly kind: 'arrivals'; readonly ends: readonly EndArrivals[] }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly reason: string };
