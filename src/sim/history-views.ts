import type { ContextView } from '../engine/types.js';

/** A context as its host names it, and as its peer should: equal for the two ends of one session. */
export const mine = (v: ContextView): string =>
  `${v.ulids.local} ${v.ulids.peer} ${v.localTag ?? '-'} ${v.peerTag ?? '-'}`;
export const theirs = (v: ContextView): string =>
  `${v.ulids.peer} ${v.ulids.local} ${v.peerTag ?? '-'} ${v.localTag ?? '-'}`;

/** What a program may be told when it asks for something that cannot be. */
export function isExpected(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === 'REHOME_E_NO_LOCATOR' || code === 'REHOME_E_NO_CONTEXT';
}
