import { RehomeError } from '../wire/errors.js';
import type { SeededRandom } from './random.js';
import type { BreakKind, PathRef } from './report.js';

/** The one-way paths payload takes now: from A to B and back. */
export interface PathsInUse {
  readonly AtoB: PathRef;
  readonly BtoA: PathRef;
}

export const samePath = (a: PathRef, b: PathRef): boolean =>
  a.source === b.source && a.destination === b.destination;
const unique = (paths: readonly PathRef[]): PathRef[] =>
  paths.filter((path, i) => paths.findIndex((other) => samePath(path, other)) === i);
const reverse = (path: PathRef): PathRef => ({
  from: path.from === 'A' ? 'B' : 'A',
  source: path.destination,
  destination: path.source,
});

/**
 * Which of `all` one-way paths a break stops. `sender` is the host that sends the data.
 * @throws RehomeError REHOME_E_BREAK when a number is not an integer from 1 to two fewer than there are paths
 */
export function choosePathsToCut(
  kind: BreakKind,
  inUse: PathsInUse,
  all: readonly PathRef[],
  sender: 'A' | 'B',
  random: SeededRandom,
): PathRef[] {
  const data = sender === 'A' ? inUse.AtoB : inUse.BtoA;
  switch (kind) {
    case 'one-way':
      return [data];
    case 'current':
      return [data, reverse(data)];
    case 'both':
      return unique([inUse.AtoB, inUse.BtoA, reverse(inUse.AtoB), reverse(inUse.BtoA)]);
    default:
      return chooseMany(kind, inUse, all, random);
  }
}

/** Seed 001, section 5.3: n = 1 breaks one direction of what is in use, more break both and random others. */
function chooseMany(
  count: number,
  inUse: PathsInUse,
  all: readonly PathRef[],
  random: SeededRandom,
): PathRef[] {
  if (!Number.isInteger(count) || count < 1 || count > all.length - 2) {
    throw new RehomeError(
      'REHOME_E_BREAK',
      `can break 1 to ${all.length - 2} of ${all.length} one-way paths (one each way must be left), not ${count}`,
      count,
    );
  }
  if (count === 1) return [random.pick([inUse.AtoB, inUse.BtoA])];
  const cut = [inUse.AtoB, inUse.BtoA];
  const alive = { A: 0, B: 0 };
  for (const path of all) alive[path.from]++;
  alive.A--;
  alive.B--;
  for (const path of random.shuffled(all)) {
    if (cut.length === count) break;
    if (cut.some((other) => samePath(other, path)) || alive[path.from] <= 1) continue;
    alive[path.from]--;
    cut.push(path);
  }
  return cut;
}
