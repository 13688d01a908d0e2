import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COUNTER_NAMES, SIZE } from '../../src/dataplane/kernel/layout.js';
import { readBpfObject } from '../../src/linux/bpf/elf.js';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const source = read('bpf/layout.h').toString();
const object = readBpfObject(read('bpf/rehome.o'));

describe('layout.ts and bpf/layout.h', () => {
  it('name the counters alike and in the same order', () => {
    const body = /enum counter \{([^}]*)\}/.exec(source)?.[1] ?? '';
    const names = [...body.matchAll(/\bC_([A-Z0-9_]+)/g)].map((m) => m[1] ?? '');
    const inC = names.map((n) => n.toLowerCase().replaceAll('_', '-'));
    expect(inC).toEqual([...COUNTER_NAMES]);
    expect(object.maps.find((m) => m.name === 'counters')?.maxEntries).toBe(COUNTER_NAMES.length);
  });

  it('agree on the size of every structure', () => {
    const size = (map: string): number | undefined =>
      object.maps.find((m) => m.name === map)?.valueSize;
    expect(size('contexts')).toBe(SIZE.context);
    expect(size('liveness')).toBe(SIZE.liveness);
    expect(size('flows')).toBe(SIZE.flow);
    expect(size('settings')).toBe(SIZE.settings);
    const eventMax = Number(/EVENT_MAX = (\d+)/.exec(source)?.[1]);
    expect(SIZE.event).toBe(16 + eventMax);
  });
});
