import { readBpfObject } from '../../../src/linux/bpf/elf.js';
import { must, refusing, type Target, type Unit } from '../harness/target.js';
import { smallObject } from '../support/elf.js';

const HEADER = 64;
const SECTION = 64;

export const target: Target = {
  name: 'bpf-object',
  about: 'ELF objects with eBPF programs and maps',
  code: ['src/linux/bpf/elf'],
  maxLength: 4096,
  words: ['tcx/', 'maps', 'license', '\x7fELF'],
  seeds: () => [smallObject()],
  units,
  run(file) {
    const object = refusing(['REHOME_E_ELF'], () => readBpfObject(file));
    if (!object) return;
    must(sectionsFit(file), 'every section is in the file');
    const maps = new Set(object.maps.map((m) => m.name));
    for (const { instructions, mapReferences } of object.programs) {
      must(instructions.length % 8 === 0, 'instructions have eight octets');
      for (const { instruction, map } of mapReferences) {
        must(maps.has(map), 'a reference is to a map of the object');
        // It takes two slots: what the loader writes is in the program.
        must(
          Number.isInteger(instruction) && 8 * (instruction + 2) <= instructions.length,
          'a reference is from an instruction of the program',
        );
      }
    }
    for (const m of object.maps) {
      must(
        [m.type, m.keySize, m.valueSize, m.maxEntries, m.flags].every((n) => n >= 0 && n < 2 ** 32),
        'numbers of 32 bits',
      );
    }
  },
};

function sectionsFit(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const table = Number(view.getBigUint64(40, true));
  return Array.from({ length: view.getUint16(60, true) }, (_, i) => table + SECTION * i).every(
    (at) => view.getBigUint64(at + 24, true) + view.getBigUint64(at + 32, true) <= file.length,
  );
}

/** The header, and each entry of the section table with what it points to. */
function units(file: Uint8Array): Unit[] {
  if (file.length < HEADER) return [];
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const table = Number(view.getBigUint64(40, true) & 0xffffffffn);
  const out: Unit[] = [{ from: 0, to: HEADER }];
  for (let at = table; at + SECTION <= file.length && out.length < 40; at += SECTION) {
    out.push({ from: at, to: at + SECTION });
    const from = Number(view.getBigUint64(at + 24, true) & 0xffffffffn);
    const to = Math.min(file.length, from + Number(view.getBigUint64(at + 32, true) & 0xffffffffn));
    if (from < to) out.push({ from, to });
  }
  return out;
}
