/**
 * Milliseconds of CPU that this process has had: what else runs on the machine counts little. Asking costs a system call,
 * so not for every call of something short.
 */
export function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Calls between two looks at the clock. */
const BATCH = 64;

/** Milliseconds of CPU for each call, over a slice of `sliceMs`. */
export function perCall(/** @type {() => void} */ run, sliceMs = 50) {
  const start = cpuMs();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < sliceMs) {
    for (let i = 0; i < BATCH; i++) run();
    calls += BATCH;
    elapsed = cpuMs() - start;
  }
  return elapsed / calls;
}
