import type { Clock } from '../../daemon/clock.js';
import type { ByteSource } from './byte-source.js';
import type { DatagramFlow } from './datagrams.js';

/** One direction of a TCP connection whose ports are open at both ends: there is no handshake. */
export interface StreamOptions extends DatagramFlow {
  readonly clock: Clock;
  readonly bytes: ByteSource;
  /** Octets of payload per segment. Default 1400. */
  readonly segment?: number;
  /** Octets the receiver lets be on the way. Default 1 MiB. */
  readonly window?: number;
}

export const SEGMENT = 1_400;
export const WINDOW = 1 << 20;
