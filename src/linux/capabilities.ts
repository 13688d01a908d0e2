import { release } from 'node:os';
import { check, ptr } from './libc.js';
import { sys } from './syscalls.js';
import { RehomeError } from '../wire/errors.js';

export const CAPABILITIES = {
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_ADMIN: 21,
  CAP_BPF: 39,
} as const;
export type Capability = keyof typeof CAPABILITIES;

const VERSION_3 = 0x20080522;

/** This thread's effective capabilities as a 64-bit set. @throws SyscallError. */
export function effectiveCapabilities(): bigint {
  const header = new Uint32Array([VERSION_3, 0]);
  const data = new Uint32Array(6); // twice effective, permitted, inheritable
  const bytes = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer);
  check('capget', sys('capget', ptr(bytes(header)), ptr(bytes(data))));
  return (BigInt(data[3] ?? 0) << 32n) | BigInt(data[0] ?? 0);
}

/**
 * The capabilities the daemon needs and `set` lacks. CAP_SYS_ADMIN stands for CAP_BPF, as it does in the kernel;
 * the answer names the lesser one.
 */
export function missingCapabilities(set: bigint = effectiveCapabilities()): Capability[] {
  const has = (name: Capability): boolean => ((set >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
  const needed: readonly Capability[] = ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_BPF'];
  return needed.filter((name) => !has(name) && !(name === 'CAP_BPF' && has('CAP_SYS_ADMIN')));
}

export interface KernelRelease {
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/** `6.18.44-fc-v669` as numbers. @throws RehomeError REHOME_E_KERNEL when it does not begin with two numbers. */
export function kernelRelease(text: string = release()): KernelRelease {
  const match = /^(\d+)\.(\d+)/.exec(text);
  if (match === null) {
    throw new RehomeError('REHOME_E_KERNEL', `cannot read the kernel release ${text}`, text);
  }
  return { major: Number(match[1]), minor: Number(match[2]), text };
}

export const kernelAtLeast = (
  major: number,
  minor: number,
  kernel: KernelRelease = kernelRelease(),
): boolean => kernel.major > major || (kernel.major === major && kernel.minor >= minor);
