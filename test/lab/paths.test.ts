import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/wire/address.js';
import {
  destinationAddress,
  parsePathSelector,
  PATHS,
  pathOf,
  reversePath,
  sourceAddress,
  uplinkPrefix,
} from '../../src/lab/paths.js';

const names = (text: string): string[] => parsePathSelector(text).map((p) => p.name);

describe('the 18 one-way paths', () => {
  it('are nine each way, found again by their addresses, and reversed by reversing twice', () => {
    expect(PATHS).toHaveLength(18);
    expect(PATHS.filter((p) => p.from === 'A')).toHaveLength(9);
    for (const [i, path] of PATHS.entries()) {
      expect(path.id).toBe(i);
      expect(pathOf(sourceAddress(path), destinationAddress(path))).toBe(path);
      expect(reversePath(reversePath(path))).toBe(path);
      expect(reversePath(path).from).not.toBe(path.from);
    }
    expect(uplinkPrefix('B', 3)).toEqual({ address: '2001:db8:b3::', length: 64 });
  });
  it('exist only between the two hosts', () => {
    const a1 = parseAddress('2001:db8:a1::10');
    expect(pathOf(a1, parseAddress('2001:db8:a2::10'))).toBeUndefined();
    expect(pathOf(a1, parseAddress('2001:db8:c1::10'))).toBeUndefined();
  });
  it('are selected as people write them', () => {
    expect(names('a1>b2')).toEqual(['a1>b2']);
    expect(names('B2<a1')).toEqual(['a1>b2']);
    expect(names('b2<>a1')).toEqual(['a1>b2', 'b2>a1']);
    expect(names('a1<>b2, b2>a1')).toEqual(['a1>b2', 'b2>a1']);
    expect(names('a3')).toHaveLength(6);
    expect(names('all')).toHaveLength(18);
    expect(() => names('a4>b1')).toThrow(/no such path: "a4>b1" .*a1<>b2/);
  });
});
