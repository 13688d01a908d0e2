import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEVICE_MAC, LIMITS, SAM_COUNTERS, SIZE } from '../../src/dataplane/sam/layout.js';
import { readBpfObject } from '../../src/linux/bpf/elf.js';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const source = read('bpf/sam-layout.h').toString();
const object = readBpfObject(read('bpf/sam.o'));
const map = (name: string): (typeof object.maps)[number] | undefined =>
  object.maps.find((m) => m.name === name);
const constant = (name: string): number =>
  Number(new RegExp(`\\b${name} = (\\w+)`).exec(source)?.[1]);

describe('sam/layout.ts and bpf/sam-layout.h', () => {
  it('name the counters alike and in the same order', () => {
    const body = /enum counter \{([^}]*)\}/.exec(source)?.[1] ?? '';
    const names = [...body.matchAll(/\bC_([A-Z0-9_]+)/g)].map((m) => m[1] ?? '');
    expect(names.map((n) => n.toLowerCase().replaceAll('_', '-'))).toEqual([...SAM_COUNTERS]);
    expect(map('counters')?.maxEntries).toBe(SAM_COUNTERS.length);
  });

  it('agree on the size of every structure', () => {
    expect(map('entries')?.valueSize).toBe(SIZE.entry);
    expect(map('below')).toMatchObject({ keySize: SIZE.lpm, valueSize: SIZE.below });
    expect(map('above')).toMatchObject({ keySize: SIZE.lpm, valueSize: SIZE.above });
    expect(map('facts')?.keySize).toBe(SIZE.fact);
    expect(map('settings')?.valueSize).toBe(SIZE.settings);
    expect(SIZE.event).toBe(24 + constant('EVENT_MAX'));
  });

  it('agree on what there is room for', () => {
    expect(constant('CHAIN')).toBe(LIMITS.chain);
    expect(constant('SIBLINGS')).toBe(LIMITS.siblings);
    expect(constant('TABLES')).toBe(LIMITS.tables);
    expect(map('entries')?.maxEntries).toBe(LIMITS.entries * LIMITS.tables);
    // Two tables are there at once.
    expect(map('below')?.maxEntries).toBe(2 * LIMITS.regions);
  });

  it('know the same address of rehome0', () => {
    const view = new DataView(DEVICE_MAC.buffer);
    expect(constant('DEVICE_MAC_LOW')).toBe(view.getUint32(0, true));
    expect(constant('DEVICE_MAC_HIGH')).toBe(view.getUint16(4, true));
  });
});
