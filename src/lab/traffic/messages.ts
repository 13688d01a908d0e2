import type { Gap, Sample } from './gap.js';

/** What a traffic process tells on standard output, one JSON object per line. Times: monotonic milliseconds. */
export type TrafficMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | {
      readonly kind: 'connected';
      readonly at: number;
      readonly local: string;
      readonly localPort: number;
      readonly peer: string;
    }
  | ({ readonly kind: 'sample' } & Sample)
  | ({ readonly kind: 'gap' } & Gap)
  /** One datagram arrived. */
  | {
      readonly kind: 'datagram';
      readonly at: number;
      readonly number: number;
      readonly sentAt: number;
    }
  | {
      readonly kind: 'done';
      readonly at: number;
      readonly bytes: number;
      /** Receiver only: octets right and in order. */
      readonly verified?: number;
      /** Receiver only: when the first octet came; null: none did. */
      readonly firstAt?: number | null;
    }
  | { readonly kind: 'failed'; readonly at: number; readonly reason: string };

export const say = (message: TrafficMessage): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};
