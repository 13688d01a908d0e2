import { ms, type Millis } from '../wire/units.js';

/** A callback that has not run yet. */
export interface Timer {
  /** Idempotent; no effect once the callback ran. */
  cancel(): void;
}

/** Time and timers: the system's in the daemon, virtual in the simulator (`src/sim/clock.ts`). */
export interface Clock {
  /** Monotonic. */
  now(): Millis;
  /** Runs `callback` once, at `when` or soon after it, never before, never inside this call. */
  at(when: Millis, callback: () => void): Timer;
}

/** setTimeout's 32 bits. */
const LONGEST = 2 ** 31 - 1;

/**
 * CLOCK_MONOTONIC, so that times compare with those eBPF programs take (`bpf_ktime_get_ns`).
 */
export function systemClock(): Clock {
  const now = (): Millis => ms(Number(process.hrtime.bigint()) / 1e6);
  return {
    now,
    at(when, callback) {
      let handle: NodeJS.Timeout;
      const arm = (): void => {
        const wait = Math.ceil(when - now());
        handle = setTimeout(fire, Math.max(0, Math.min(LONGEST, wait)));
      };
      // A timer may be early by a fraction of a millisecond, and a far one is armed in pieces.
      const fire = (): void => (now() < when ? arm() : callback());
      arm();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}
