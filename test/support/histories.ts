import { describe, expect, it } from 'vitest';
import { runHistory, type HistoryOptions, type HistoryResult } from '../../src/sim/history.js';
import { historyCount, testSeed } from './random.js';

const CHUNK = 500;
/** Each history takes about 6 ms; a busy machine may take ten times as long. */
const TIMEOUT = CHUNK * 100;

/** What the histories of one file are like. */
export type HistoryKind = Pick<HistoryOptions, 'profile' | 'kind'> & {
  /** What they show, for the names of the tests. */
  readonly shows: string;
  /** One of so many, of those that the file has. Default: all. */
  readonly oneOf?: number;
};

/** Histories as the RFCs' own rules make them. */
export const BY_THE_RFC: HistoryKind = {
  shows:
    'no packet to a wrong ULID pair, no context lost that can still talk, both ends agree [RFC5533 §7.5 §7.6 §12] [RFC5534 §6]',
};

/**
 * Every second history from `first` on, so that two files share the work of one run. To repeat one:
 * `REHOME_SEED=<its base> REHOME_HISTORY=<its number> npx vitest run <its file>` prints its life.
 */
export function describeHistories(
  first: 0 | 1,
  { shows, oneOf = 1, ...how }: HistoryKind = BY_THE_RFC,
): void {
  const seed = testSeed();
  const single = process.env.REHOME_HISTORY;
  if (single !== undefined) {
    if (first === 0) replay({ seed: `${seed}/${single}`, ...how });
    else it('is replayed by its other file', () => expect(single).toBeDefined());
    return;
  }
  const numbers = Array.from({ length: historyCount() }, (_, i) => i).filter(
    (i) => i % 2 === first && (i >> 1) % oneOf === 0,
  );
  console.log(`histories: REHOME_SEED=${seed}, ${numbers.length} of ${historyCount()}`);
  describe(`random two-host histories, seed ${seed}`, () => {
    const all: HistoryResult[] = [];
    for (let from = 0; from < numbers.length; from += CHUNK) {
      const chunk = numbers.slice(from, from + CHUNK);
      it(`${shows}: ${chunk[0]} to ${chunk.at(-1)}`, { timeout: TIMEOUT }, () => {
        const results = chunk.map((number) => runHistory({ seed: `${seed}/${number}`, ...how }));
        all.push(...results);
        const failed = results.filter(({ problems }) => problems.length > 0);
        expect(failed.map(({ seed: which, problems }) => ({ which, problems }))).toEqual([]);
      });
    }

    it('the histories were worth the name', () => {
      const sum = (of: (result: HistoryResult) => number): number =>
        all.reduce((total, result) => total + of(result), 0);
      expect(sum((r) => r.established)).toBeGreaterThan(all.length);
      expect(sum((r) => r.recoveries)).toBeGreaterThan(all.length);
      expect(sum((r) => r.packets)).toBeGreaterThan(50 * all.length);
      if (how.kind !== 'paths') return;
      expect(sum((r) => (r.bound === undefined ? 0 : 1))).toBeGreaterThan(0.7 * all.length);
    });
  });
}

function replay(options: HistoryOptions): void {
  it(`replays ${options.seed}`, { timeout: TIMEOUT }, () => {
    const { problems } = runHistory({ ...options, trace: (line) => console.log(line) });
    expect(problems).toEqual([]);
  });
}
