import { orderBy, rank } from './sort.js';
import type { PathStrategy } from './types.js';

/** Address selection and preferences first, what they leave open shuffled: the paper's behaviour among equals. */
export const shuffle: PathStrategy = {
  name: 'shuffle',
  burst: 1,
  watches: false,
  measures: false,
  shares: false,
  order: (question) => orderBy(question, rank),
};

/** Seed 001, section 5.4: the first `count` probes go out together, and the path whose answer comes first is taken. */
export const burst = (count: number): PathStrategy => ({
  ...shuffle,
  name: `burst:${count}`,
  burst: count,
});
