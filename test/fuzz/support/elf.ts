import { Buffer } from 'node:buffer';
import { concatBytes } from '../../../src/wire/bytes.js';
import { octetsOf } from '../harness/target.js';

/** Numbers as their octets, little-endian: `[value, octets]`. */
function packed(...fields: readonly (readonly [number, number])[]): Uint8Array {
  const out = Buffer.alloc(fields.reduce((sum, [, size]) => sum + size, 0));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 8) out.writeBigUInt64LE(BigInt(value), at);
    else out.writeUIntLE(value, at, size);
    at += size;
  }
  return new Uint8Array(out);
}

/** Names one behind the other, each with its zero; an ELF string table begins with an empty one. */
function strings(names: readonly string[]): { octets: Uint8Array; at: (name: string) => number } {
  const text = `\0${names.map((n) => `${n}\0`).join('')}`;
  return { octets: octetsOf(text), at: (name) => text.indexOf(`\0${name}\0`) + 1 };
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly link?: number;
  readonly info?: number;
  readonly octets: Uint8Array;
}

/** The smallest object of the kind that clang makes: two maps, one program with two references, a licence. */
export function smallObject(): Uint8Array {
  const symbols = strings(['flows', 'tags']);
  const map = (...fields: readonly number[]): Uint8Array =>
    packed(...fields.map((f) => [f, 4] as const));
  const symbol = (name: string, section: number, value: number): Uint8Array =>
    packed([symbols.at(name), 4], [0x11, 1], [0, 1], [section, 2], [value, 8], [20, 8]);
  const load = packed([0x18, 8], [0, 8]); // BPF_LD | BPF_IMM | BPF_DW, two slots
  const reference = (offset: number, index: number): Uint8Array =>
    packed([offset, 8], [1, 4], [index, 4]);
  return objectFile([
    { name: '', type: 0, octets: new Uint8Array() },
    { name: '.strtab', type: 3, octets: symbols.octets },
    { name: 'tcx/egress', type: 1, octets: concatBytes(load, load, packed([0x95, 8])) },
    {
      name: '.reltcx/egress',
      type: 9,
      link: 6,
      info: 2,
      octets: concatBytes(reference(0, 1), reference(16, 2)),
    },
    { name: 'maps', type: 1, octets: concatBytes(map(1, 8, 16, 64, 0), map(27, 0, 0, 4096, 0)) },
    { name: 'license', type: 1, octets: octetsOf('GPL\0') },
    {
      name: '.symtab',
      type: 2,
      link: 1,
      octets: concatBytes(new Uint8Array(24), symbol('flows', 4, 0), symbol('tags', 4, 20)),
    },
    { name: '.shstrtab', type: 3, octets: new Uint8Array() },
  ]);
}

function objectFile(sections: readonly Section[]): Uint8Array {
  const names = strings(sections.map((s) => s.name).filter((n) => n !== ''));
  const bodies = sections.map((s) => {
    const octets = s.name === '.shstrtab' ? names.octets : s.octets;
    return concatBytes(octets, new Uint8Array((8 - (octets.length % 8)) % 8));
  });
  let at = 64;
  const offsets = bodies.map((b) => [at, (at += b.length)][0] ?? 0);
  const header = concatBytes(
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    packed(
      [1, 2],
      [247, 2],
      [1, 4],
      [0, 8],
      [0, 8],
      [at, 8],
      [0, 4],
      [64, 2],
      [0, 2],
      [0, 2],
      [64, 2],
      [sections.length, 2],
      [sections.length - 1, 2],
    ),
  );
  const table = sections.map((s, i) =>
    packed(
      [names.at(s.name), 4],
      [s.type, 4],
      [0, 8],
      [0, 8],
      [offsets[i] ?? 0, 8],
      [s.name === '.shstrtab' ? names.octets.length : s.octets.length, 8],
      [s.link ?? 0, 4],
      [s.info ?? 0, 4],
      [8, 8],
      [24, 8],
    ),
  );
  return concatBytes(header, ...bodies, ...table);
}
