import { check, errnoName, SyscallError } from '../libc.js';
import type { BpfObject, ProgramImage } from './elf.js';
import { BpfMap } from './map.js';
import { fixed, Struct } from './memory.js';
import { bpf, BpfHandle, CMD, PROG_TYPE_SCHED_CLS } from './syscall.js';

/** Maps and programs of one object in the kernel. */
export interface LoadedObject {
  map(name: string): BpfMap;
  program(name: string): BpfHandle;
  /** Closes every map and program. Attached programs live on in their links. */
  close(): void;
}

const BPF_PSEUDO_MAP_FD = 1;
const EACCES = 13;
const EINVAL = 22;

function linked(image: ProgramImage, maps: ReadonlyMap<string, BpfMap>): Uint8Array {
  const out = fixed(image.instructions.length);
  out.set(image.instructions);
  const view = new DataView(out.buffer);
  for (const { instruction, map } of image.mapReferences) {
    out[instruction * 8 + 1] = (out[instruction * 8 + 1] ?? 0) | (BPF_PSEUDO_MAP_FD << 4);
    view.setInt32(instruction * 8 + 4, maps.get(map)?.fd ?? -1, true);
  }
  return out;
}

function loadProgram(
  image: ProgramImage,
  license: string,
  maps: ReadonlyMap<string, BpfMap>,
): BpfHandle {
  const instructions = linked(image, maps);
  const licenseBytes = fixed(license.length + 1);
  licenseBytes.set(new TextEncoder().encode(license));
  const attempt = (log: Uint8Array | undefined): number =>
    bpf(
      CMD.PROG_LOAD,
      new Struct(120)
        .u32(0, PROG_TYPE_SCHED_CLS)
        .u32(4, instructions.length / 8)
        .pointer(8, instructions)
        .pointer(16, licenseBytes)
        .u32(24, log ? 1 : 0)
        .u32(28, log?.length ?? 0)
        .pointer(32, log)
        .text(48, image.name, 16),
    );
  const fd = attempt(undefined);
  if (fd >= 0) return new BpfHandle(fd);
  if (fd !== -EACCES && fd !== -EINVAL)
    return new BpfHandle(check(`loading program ${image.name}`, fd));
  const log = fixed(1 << 20);
  const again = attempt(log);
  if (again >= 0) return new BpfHandle(again);
  const said = new TextDecoder().decode(log.subarray(0, log.indexOf(0))).trimEnd();
  throw new SyscallError(
    `the kernel's verifier refused program ${image.name} (${errnoName(-again)}): ${said.slice(-2000)}\nloading`,
    -again,
  );
}

/**
 * Creates the maps (`sizes` gives max_entries where the object says 0), loads the programs. All or nothing.
 * @throws SyscallError EPERM without CAP_BPF and CAP_NET_ADMIN; with the verifier's last words when it refuses.
 */
export function loadObject(
  object: BpfObject,
  sizes: Readonly<Record<string, number>>,
): LoadedObject {
  const maps = new Map<string, BpfMap>();
  const programs = new Map<string, BpfHandle>();
  const close = (): void => {
    for (const handle of [...maps.values(), ...programs.values()]) handle.close();
  };
  const named = <T>(table: ReadonlyMap<string, T>, name: string): T => {
    const found = table.get(name);
    if (found === undefined) throw new TypeError(`the bpf object has no "${name}"`);
    return found;
  };
  try {
    for (const definition of object.maps) {
      const maxEntries = definition.maxEntries || (sizes[definition.name] ?? 0);
      maps.set(definition.name, BpfMap.create({ ...definition, maxEntries }));
    }
    for (const image of object.programs)
      programs.set(image.name, loadProgram(image, object.license, maps));
  } catch (error) {
    close();
    throw error;
  }
  return { map: (name) => named(maps, name), program: (name) => named(programs, name), close };
}
