import type { PairJson } from '../../control/schema.js';

export type Names = Readonly<Record<string, string>>;

export const nameOf = (names: Names, address: string): string => names[address] ?? address;

/** `a2 -> b1`, or the addresses where they have no names. */
export const pairText = (names: Names, pair: PairJson): string =>
  `${nameOf(names, pair.local)} -> ${nameOf(names, pair.peer)}`;

/** `a2>b1`, inside a sentence. */
export const pathText = (names: Names, pair: PairJson): string =>
  `${nameOf(names, pair.local)}>${nameOf(names, pair.peer)}`;

/** ULIDs are shown as they are: that is what applications see. */
export const ulidText = (pair: PairJson): string => `${pair.local} -> ${pair.peer}`;

export const samePair = (a: PairJson, b: PairJson): boolean =>
  a.local === b.local && a.peer === b.peer;
