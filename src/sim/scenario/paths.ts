import { RehomeError } from '../../wire/errors.js';

/** A one-way path by the names of its two locators. */
export interface NamedPath {
  readonly from: string;
  readonly to: string;
}

/**
 * The paths that a text of a scenario means: `a1>b2` that one, `a1<>b2` both ways, `a1` all that begin or end there,
 * `all` all.
 * @throws RehomeError REHOME_E_SCENARIO when it means none of `all`
 */
export function selectPaths<P extends NamedPath>(text: string, all: readonly P[]): P[] {
  const found = all.filter(matcher(text));
  if (found.length > 0) return found;
  const names = [...new Set(all.flatMap(({ from, to }) => [from, to]))].sort();
  throw new RehomeError(
    'REHOME_E_SCENARIO',
    `no path "${text}" here: the locators are ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', ...' : ''}; write e.g. ${names[0]}>${names.at(-1)}`,
    text,
  );
}

function matcher(text: string): (path: NamedPath) => boolean {
  if (text === 'all') return () => true;
  const [left = '', right = ''] = text.split(/<?>/);
  if (text.includes('<>')) {
    return ({ from, to }) => (from === left && to === right) || (from === right && to === left);
  }
  if (text.includes('>')) return ({ from, to }) => from === left && to === right;
  return ({ from, to }) => from === text || to === text;
}
