const NAMES: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Aborts at the first SIGINT, SIGTERM or SIGHUP, so that what was built is taken down instead of left. */
export function stopSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of NAMES) process.on(name, stop);
  return {
    signal: controller.signal,
    release: () => {
      for (const name of NAMES) process.off(name, stop);
    },
  };
}
