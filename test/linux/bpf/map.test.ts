import { afterEach, describe, expect, it } from 'vitest';
import { BpfMap, UPDATE } from '../../../src/linux/bpf/map.js';
import { needsRoot } from '../../support/root.js';

const HASH = 1;
const ARRAY = 2;
const MMAPABLE = 1 << 10;
const octets = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);

describe.skipIf(needsRoot() !== undefined)('bpf maps', () => {
  const open: BpfMap[] = [];
  const create = (type: number, maxEntries: number, flags = 0): BpfMap => {
    const map = BpfMap.create({ name: 't', type, keySize: 4, valueSize: 8, maxEntries, flags });
    open.push(map);
    return map;
  };
  afterEach(() => {
    for (const map of open.splice(0)) map.close();
  });
  const value = (n: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(n)]).buffer);

  it('sets, gets, deletes', () => {
    const map = create(HASH, 16);
    expect(map.get(octets(1))).toBeUndefined();
    map.set(octets(1), value(7));
    map.set(octets(1), value(8));
    expect(map.get(octets(1))).toEqual(value(8));
    expect(map.delete(octets(1))).toBe(true);
    expect(map.delete(octets(1))).toBe(false);
    expect(() => map.set(octets(1), value(1), UPDATE.EXIST)).toThrow(/ENOENT/);
  });

  it('says REHOME_E_MAP_FULL when it is', () => {
    const map = create(HASH, 4, 1 /* BPF_F_NO_PREALLOC */);
    const fill = (): void => {
      for (let i = 0; i < 5; i++) map.set(octets(i), value(i));
    };
    expect(fill).toThrow(expect.objectContaining({ code: 'REHOME_E_MAP_FULL' }) as Error);
  });

  it('lists more elements than fit one system call', () => {
    const map = create(HASH, 5000);
    for (let i = 0; i < 3000; i++) map.set(octets(i), value(i * 2));
    const all = new Map(
      map
        .entries()
        .map(({ key, value: v }) => [
          new DataView(key.buffer).getUint32(0, true),
          Number(new DataView(v.buffer).getBigUint64(0, true)),
        ]),
    );
    expect(all.size).toBe(3000);
    expect([...all].every(([k, v]) => v === 2 * k)).toBe(true);
  });

  it('shares memory with the kernel', () => {
    const map = create(ARRAY, 600, MMAPABLE);
    const mapping = map.map();
    const array = new BigUint64Array(mapping.bytes.buffer, mapping.bytes.byteOffset);
    map.set(octets(599), value(42));
    expect(array[599]).toBe(42n);
    array[3] = 9n;
    expect(map.get(octets(3))).toEqual(value(9));
    mapping.unmap();
  });
});
