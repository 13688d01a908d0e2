import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXIT_COUNTERS, EXIT_MOST, EXIT_SIZE } from '../../src/dataplane/exit/layout.js';
import { readBpfObject } from '../../src/linux/bpf/elf.js';

const read = (path: string): Buffer => readFileSync(new URL(`../../${path}`, import.meta.url));
const source = read('bpf/exit.bpf.c').toString();
const object = readBpfObject(read('bpf/exit.o'));
const constant = (name: string): number =>
  Number(new RegExp(`\\b${name} = (\\d+)`).exec(source)?.[1]);

describe('exit/layout.ts and bpf/exit.bpf.c', () => {
  it('name the counters alike and in the same order', () => {
    const body = /enum counter \{([^}]*)\}/.exec(source)?.[1] ?? '';
    const names = [...body.matchAll(/\bE_([A-Z0-9_]+)/g)].map((m) => m[1] ?? '');
    const inC = names.map((n) => n.toLowerCase().replaceAll('_', '-'));
    expect(inC).toEqual([...EXIT_COUNTERS, 'counters']);
  });

  it('agree on sizes and limits', () => {
    const map = (name: string) => object.maps.find((m) => m.name === name);
    expect(map('tallies')?.valueSize).toBe(EXIT_SIZE.tally);
    expect(map('interfaces')?.valueSize).toBe(EXIT_SIZE.interface);
    expect(EXIT_SIZE.event).toBe(16 + constant('QUOTE'));
    expect(map('prefixes')?.maxEntries).toBe(EXIT_MOST.prefixes);
    expect(map('tallies')?.maxEntries).toBe(EXIT_MOST.uplinks);
  });
});
