import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/wire/errors.js';
import { readBpfObject } from '../../../src/linux/bpf/elf.js';
import { smallObject } from '../../fuzz/support/elf.js';

const root = new URL('../../../', import.meta.url).pathname;
const object = (name: string): Buffer => readFileSync(join(root, `bpf/${name}.o`));
const committed = object('rehome');
const clang = spawnSync('clang-14', ['--version']).status === 0;
if (!clang) process.stderr.write('skipped: no clang-14 (apt-get install clang-14)\n');

describe('bpf/rehome.o', () => {
  it.skipIf(!clang)(
    'is what bpf/build.sh makes of bpf/rehome.bpf.c, byte for byte, and so are the others',
    () => {
      const directory = mkdtempSync(join(tmpdir(), 'rehome-bpf-'));
      try {
        execFileSync('sh', [join(root, 'bpf/build.sh'), directory]);
        for (const name of ['rehome', 'sam', 'exit']) {
          expect(readFileSync(join(directory, `${name}.o`)).equals(object(name)), name).toBe(true);
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
  );

  it('has four programs, every map reference resolved, and a licence', () => {
    const object = readBpfObject(committed);
    expect(object.license).toBe('Apache-2.0');
    expect(object.programs.map((p) => p.name).sort()).toEqual([
      'shim_egress',
      'shim_peer_ingress',
      'uplink_egress',
      'uplink_ingress',
    ]);
    const LD_IMM64 = 0x18;
    for (const { instructions, mapReferences } of object.programs) {
      expect(mapReferences.length).toBeGreaterThan(0);
      for (const { instruction } of mapReferences)
        expect(instructions[instruction * 8]).toBe(LD_IMM64);
    }
  });
});

describe('readBpfObject', () => {
  const code = (file: Uint8Array): string => {
    try {
      readBpfObject(file);
      return 'accepted';
    } catch (error) {
      if (error instanceof WireError) return error.code;
      throw error;
    }
  };

  it('refuses what is no bpf object, with an offset and a stable code', () => {
    expect(code(new Uint8Array())).toBe('REHOME_E_ELF');
    expect(code(new Uint8Array(64))).toBe('REHOME_E_ELF');
    const otherMachine = Uint8Array.from(committed);
    otherMachine[18] = 62;
    expect(code(otherMachine)).toBe('REHOME_E_ELF');
  });

  it('refuses a map reference from outside the program, and half an instruction', () => {
    const object = smallObject();
    expect(code(object)).toBe('accepted');
    // The second relocation: offset 16, type 1, symbol 2. The program has five slots of eight octets, and a reference
    // takes two.
    const relocation = Buffer.from(object).indexOf('10000000000000000100000002000000', 'hex');
    const outside = object.slice();
    outside[relocation] = 32;
    expect(code(outside)).toBe('REHOME_E_ELF');
    // sh_size of section 2 in the section table that the header points to.
    const table = Buffer.from(object).readUInt32LE(40);
    const half = object.slice();
    half[table + 2 * 64 + 32] = 36;
    expect(code(half)).toBe('REHOME_E_ELF');
  });

  it('says REHOME_E_ELF or reads it, wherever the file is cut', () => {
    for (let length = 0; length < committed.length; length += 97) {
      expect(code(committed.subarray(0, length))).toBe('REHOME_E_ELF');
    }
  });
});
