/** Seeds of randomised tests: printed, and given back through the environment to repeat a run. */
export const testSeed = (): string => process.env.REHOME_SEED ?? 'rehome';

/** How many histories in all; REHOME_HISTORIES makes a quick or a thorough run. */
export const historyCount = (): number => {
  const wanted = Number(process.env.REHOME_HISTORIES ?? 10_000);
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new Error(`REHOME_HISTORIES is not a positive integer: ${process.env.REHOME_HISTORIES}`);
  }
  return wanted;
};
