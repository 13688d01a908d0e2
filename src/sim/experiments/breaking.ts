import { RehomeError } from '../../wire/errors.js';
import { samePath, type PathsInUse } from '../breaks.js';
import { SeededRandom } from '../random.js';
import type { PathRef } from '../report.js';

/** More combinations than this are not listed: drawing the same one twice is unlikely enough. */
const LISTED = 20_000;

/**
 * The breaking rule of seed 001, section 5.3. n = 1: one direction of what is in use, each in turn. More: both, and the
 * rest "without taking twice the same combination when possible": trial after trial goes through all combinations in
 * a drawn order. One path each way is left, not one of those in use.
 * @param trial counts from 0
 * @throws RehomeError REHOME_E_BREAK when `n` is not an integer from 1 to two fewer than there are paths
 */
export function pathsToBreak(
  n: number,
  trial: number,
  inUse: PathsInUse,
  all: readonly PathRef[],
  seed: string,
): PathRef[] {
  if (!Number.isInteger(n) || n < 1 || n > all.length - 2) {
    throw new RehomeError(
      'REHOME_E_BREAK',
      `can break 1 to ${all.length - 2} of ${all.length} one-way paths (one each way must be left), not ${n}`,
      n,
    );
  }
  if (n === 1) return [trial % 2 === 0 ? inUse.AtoB : inUse.BtoA];
  const current = [inUse.AtoB, inUse.BtoA];
  const others = all.filter((path) => !current.some((c) => samePath(c, path)));
  const random = new SeededRandom(`${seed}/combinations`);
  const more = choose(others, n - 2, trial, random);
  return [...current, ...more];
}

/** The newest list: trials of one case follow each other. */
let listed: { readonly key: string; readonly cuts: readonly PathRef[][] } | undefined;

/** Combination number `trial` of `count` out of `paths`, in a drawn order; at least one of each direction is left out. */
function choose(
  paths: readonly PathRef[],
  count: number,
  trial: number,
  random: SeededRandom,
): readonly PathRef[] {
  const leaves = (cut: readonly PathRef[]): boolean =>
    (['A', 'B'] as const).every((from) =>
      paths.some((p) => p.from === from && !cut.some((c) => samePath(c, p))),
    );
  if (binomial(paths.length, count) <= LISTED) {
    const key = `${random.seed} ${count} ${paths.map((p) => p.source + p.destination).join()}`;
    if (listed?.key !== key) {
      listed = { key, cuts: random.shuffled(combinations(paths, count).filter(leaves)) };
    }
    return listed.cuts[trial % listed.cuts.length] ?? [];
  }
  const own = random.fork(String(trial));
  for (;;) {
    const cut = own.shuffled(paths).slice(0, count);
    if (leaves(cut)) return cut;
  }
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 0; i < k; i++) result = (result * (n - i)) / (i + 1);
  return Math.round(result);
}

/** Every choice of `count` items, each in the order of the items. */
function combinations<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, i) =>
    combinations(items.slice(i + 1), count - 1).map((rest) => [item, ...rest]),
  );
}
