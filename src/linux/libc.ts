import koffi from 'koffi';
import { RehomeError } from '../wire/errors.js';

/**
 * The one door to the C library. Everything in `src/linux/` goes through `syscall` or a function declared with
 * `libc.func`; nobody else imports koffi.
 */
export const libc = koffi.load('libc.so.6');

const rawSyscall = libc.func('long syscall(long number, ...)');

export type SyscallArgument =
  { readonly int: number | bigint } | { readonly ptr: Uint8Array | null };

export const int = (value: number | bigint): SyscallArgument => ({ int: value });
export const ptr = (value: Uint8Array | null): SyscallArgument => ({ ptr: value });

const names = new Map<number, string>(
  Object.entries(koffi.os.errno).map(([name, value]) => [value as number, name]),
);

/** `ENOENT` for 2, and so on. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;
export const errno = (): number => koffi.errno();

/** A system call that said no. `errno` is the number, `code` stays REHOME_E_SYSCALL. */
export class SyscallError extends RehomeError {
  readonly errno: number;
  readonly errnoName: string;
  constructor(what: string, number: number) {
    super('REHOME_E_SYSCALL', `${what}: ${errnoName(number)}`, number);
    this.name = 'SyscallError';
    this.errno = number;
    this.errnoName = errnoName(number);
  }
}

/** Calls a variadic libc `syscall`; returns its result, or -errno on failure. */
export function syscall(number: number, ...args: readonly SyscallArgument[]): number {
  const flat: unknown[] = [];
  for (const a of args) {
    if ('int' in a) flat.push('long', a.int);
    else flat.push('void *', a.ptr);
  }
  const result = Number(rawSyscall(number, ...flat));
  return result < 0 ? -koffi.errno() : result;
}

/** Throws SyscallError when `result` is negative (-errno), else returns it. */
export function check(what: string, result: number): number {
  if (result < 0) throw new SyscallError(what, -result);
  return result;
}
