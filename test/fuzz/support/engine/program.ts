import { concatBytes, setU32, u32, u8 } from '../../../../src/wire/bytes.js';
import type { Unit } from '../../harness/target.js';

/**
 * A life of the engines as octets: eight that say who they are, then eight for each thing that happens. Any octets are
 * a program, so that what is known of mutating octets works on lives, and a found life is made short like any input.
 */
export const RECORD = 8;
export const MAX_RECORDS = 96;

/** The order is what the octets mean: new ones go to the end. */
export const OPERATIONS = [
  'establish',
  'deliver',
  'lose',
  'pass',
  'flow',
  'cut',
  'payload',
  'locators',
  'explore',
  'forget',
  'inUse',
  'invalidate',
  'configure',
  'icmp',
  'offer',
  'restart',
  'replay',
  'mutate',
  'stranger',
  'orphan',
] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Record {
  readonly operation: Operation;
  /** Host A or B. */
  readonly host: 0 | 1;
  readonly b: number;
  readonly c: number;
  readonly argument: number;
}

export interface Head {
  readonly profile: 'rfc' | 'paper';
  readonly maxContexts: number;
  readonly locators: readonly [number, number];
  readonly seed: number;
}

export const readHead = (input: Uint8Array): Head => ({
  profile: (u8(input, 0) & 1) === 0 ? 'rfc' : 'paper',
  maxContexts: (u8(input, 0) & 2) === 0 ? 64 : 1 + (u8(input, 1) & 3),
  locators: [1 + (u8(input, 2) % 4), 1 + (u8(input, 3) % 4)],
  seed: u32(input, 4),
});

export function readRecords(input: Uint8Array): Record[] {
  const out: Record[] = [];
  for (let at = RECORD; at + RECORD <= input.length && out.length < MAX_RECORDS; at += RECORD) {
    out.push({
      operation: OPERATIONS[u8(input, at) % OPERATIONS.length] ?? 'pass',
      host: (u8(input, at + 1) & 1) as 0 | 1,
      b: u8(input, at + 2),
      c: u8(input, at + 3),
      argument: u32(input, at + 4),
    });
  }
  return out;
}

export const units = (input: Uint8Array): Unit[] =>
  Array.from({ length: Math.max(0, Math.floor(input.length / RECORD) - 1) }, (_, i) => ({
    from: RECORD * (i + 1),
    to: RECORD * (i + 2),
  }));

export type Step = readonly [Operation, host?: number, b?: number, c?: number, argument?: number];

/** A program out of steps, for seeds. */
export function program(head: readonly number[], ...steps: readonly Step[]): Uint8Array {
  const records = steps.map(([operation, host = 0, b = 0, c = 0, argument = 0]) => {
    const out = Uint8Array.of(OPERATIONS.indexOf(operation), host, b, c, 0, 0, 0, 0);
    setU32(out, 4, argument);
    return out;
  });
  const first = new Uint8Array(RECORD);
  first.set(head);
  return concatBytes(first, ...records);
}
