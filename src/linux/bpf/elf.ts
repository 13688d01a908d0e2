import { WireError } from '../../wire/errors.js';

/** A map as the object declares it; `maxEntries` 0 means the loader decides. */
export interface MapDefinition {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}
/** A program: 8-octet instructions, and the instructions (by index) that want a map's descriptor. */
export interface ProgramImage {
  readonly name: string;
  readonly instructions: Uint8Array;
  readonly mapReferences: readonly { readonly instruction: number; readonly map: string }[];
}
export interface BpfObject {
  readonly license: string;
  readonly maps: readonly MapDefinition[];
  readonly programs: readonly ProgramImage[];
}

interface Section {
  readonly name: string;
  readonly type: number;
  readonly link: number;
  readonly info: number;
  readonly bytes: Uint8Array;
}
interface ElfSymbol {
  readonly name: string;
  readonly section: number;
  readonly value: number;
}

const SHT_SYMTAB = 2;
const SHT_REL = 9;
const EM_BPF = 247;
const R_BPF_64_64 = 1;
const MAP_DEFINITION_SIZE = 20;
const PROGRAM_PREFIX = 'tcx/';

const bad = (why: string, offset: number): never => {
  throw new WireError('REHOME_E_ELF', `not a bpf object rehome can load: ${why}`, offset);
};
const view = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function text(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}

function readSections(file: Uint8Array): Section[] {
  const data = view(file);
  if (file.length < 64 || data.getUint32(0, false) !== 0x7f454c46) bad('no ELF magic', 0);
  if (file[4] !== 2 || file[5] !== 1) bad('not 64-bit little-endian', 4);
  if (data.getUint16(18, true) !== EM_BPF) bad('not for the bpf machine', 18);
  const table = Number(data.getBigUint64(40, true));
  const count = data.getUint16(60, true);
  if (table + count * 64 > file.length) bad('section table past the end', 40);
  const raw = Array.from({ length: count }, (_, i) => {
    const at = table + i * 64;
    const offset = Number(data.getBigUint64(at + 24, true));
    const size = Number(data.getBigUint64(at + 32, true));
    if (offset + size > file.length) bad(`section ${i} past the end`, at);
    return {
      nameAt: data.getUint32(at, true),
      type: data.getUint32(at + 4, true),
      link: data.getUint32(at + 40, true),
      info: data.getUint32(at + 44, true),
      bytes: file.subarray(offset, offset + size),
    };
  });
  const names = raw[data.getUint16(62, true)]?.bytes ?? bad('no section names', 62);
  return raw.map((s) => ({ ...s, name: text(names, s.nameAt) }));
}

function readSymbols(sections: readonly Section[]): ElfSymbol[] {
  const table = sections.find((s) => s.type === SHT_SYMTAB) ?? bad('no symbols', 0);
  const strings = sections[table.link]?.bytes ?? bad('no symbol names', 0);
  const data = view(table.bytes);
  return Array.from({ length: Math.floor(table.bytes.length / 24) }, (_, i) => ({
    name: text(strings, data.getUint32(i * 24, true)),
    section: data.getUint16(i * 24 + 6, true),
    value: Number(data.getBigUint64(i * 24 + 8, true)),
  }));
}

function readMaps(sections: readonly Section[], symbols: readonly ElfSymbol[]): MapDefinition[] {
  const index = sections.findIndex((s) => s.name === 'maps');
  const bytes = sections[index]?.bytes ?? bad('no section "maps"', 0);
  const data = view(bytes);
  return symbols
    .filter((s) => s.section === index && s.name !== '')
    .map((s) => {
      if (s.value + MAP_DEFINITION_SIZE > bytes.length) bad(`map ${s.name} cut short`, s.value);
      const field = (n: number): number => data.getUint32(s.value + 4 * n, true);
      const [type, keySize, valueSize, maxEntries, flags] = [
        field(0),
        field(1),
        field(2),
        field(3),
        field(4),
      ];
      return { name: s.name, type, keySize, valueSize, maxEntries, flags };
    });
}

/** A map reference is a 64-bit load: two slots of eight octets. */
const REFERENCE_SIZE = 16;

function readReferences(
  relocations: Section,
  program: Section,
  symbols: readonly ElfSymbol[],
  maps: ReadonlySet<string>,
): ProgramImage['mapReferences'] {
  const data = view(relocations.bytes);
  return Array.from({ length: relocations.bytes.length / 16 }, (_, i) => {
    const offset = Number(data.getBigUint64(i * 16, true));
    const type = data.getUint32(i * 16 + 8, true);
    const symbol = symbols[data.getUint32(i * 16 + 12, true)];
    const inside = offset % 8 === 0 && offset + REFERENCE_SIZE <= program.bytes.length;
    if (type !== R_BPF_64_64 || symbol === undefined || !maps.has(symbol.name) || !inside)
      return bad(`relocation of type ${type} for "${symbol?.name ?? '?'}"`, offset);
    return { instruction: offset / 8, map: symbol.name };
  });
}

/**
 * Reads the object that clang makes of bpf/rehome.bpf.c: maps as `struct map_def` in section "maps", one program per
 * section "tcx/NAME", a licence. No BTF, no subprograms, no global data.
 * @throws WireError REHOME_E_ELF with the offset, for anything else.
 */
export function readBpfObject(file: Uint8Array): BpfObject {
  const sections = readSections(file);
  const symbols = readSymbols(sections);
  const maps = readMaps(sections, symbols);
  const mapNames = new Set(maps.map((m) => m.name));
  const license = sections.find((s) => s.name === 'license')?.bytes ?? bad('no licence', 0);
  const programs = sections.flatMap((section, index) => {
    if (!section.name.startsWith(PROGRAM_PREFIX)) return [];
    if (section.bytes.length % 8 !== 0) bad(`half an instruction in ${section.name}`, 0);
    const relocations = sections.find((s) => s.type === SHT_REL && s.info === index);
    return {
      name: section.name.slice(PROGRAM_PREFIX.length),
      instructions: section.bytes,
      mapReferences: relocations ? readReferences(relocations, section, symbols, mapNames) : [],
    };
  });
  return { license: text(license, 0), maps, programs };
}
