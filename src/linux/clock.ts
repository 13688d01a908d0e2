import { ms, type Millis } from '../wire/units.js';

/** CLOCK_MONOTONIC in nanoseconds: what `bpf_ktime_get_ns` and its coarse sister (4 ms steps) count in too. */
export const monotonicNs = (): bigint => process.hrtime.bigint();

/** The engines' time: CLOCK_MONOTONIC in milliseconds with fractions. */
export const monotonicMs = (): Millis => nsToMs(process.hrtime.bigint());

/** Kernel nanoseconds to the engines' milliseconds; exact to the microsecond for 285 years of uptime. */
export const nsToMs = (ns: bigint): Millis => ms(Number(ns / 1000n) / 1000);
