/**
 * Monotonic milliseconds since boot (CLOCK_MONOTONIC): the same in every process and namespace of the machine, so that
 * the times of sender, receiver, emulator and lab can be compared.
 */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e6;
