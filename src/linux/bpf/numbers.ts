import { RehomeError } from '../../wire/errors.js';

const NUMBERS = {
  x64: { bpf: 321, close: 3, mmap: 9, munmap: 11 },
  arm64: { bpf: 280, close: 57, mmap: 222, munmap: 215 },
} as const;

type Name = keyof (typeof NUMBERS)['x64'];

/**
 * System call number of this machine.
 * @throws RehomeError REHOME_E_ARCHITECTURE on anything but x86-64 and arm64.
 */
export function number(name: Name): number {
  const arch = process.arch;
  if (arch !== 'x64' && arch !== 'arm64') {
    throw new RehomeError('REHOME_E_ARCHITECTURE', `rehome knows x64 and arm64, not ${arch}`, arch);
  }
  return NUMBERS[arch][name];
}
