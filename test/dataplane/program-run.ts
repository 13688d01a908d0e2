import { bpf } from '../../src/linux/bpf/syscall.js';
import { fixed, Struct } from '../../src/linux/bpf/memory.js';
import { check } from '../../src/linux/libc.js';

const PROG_TEST_RUN = 10;
const HEADROOM = 128;
const CONTEXT = 192; // struct __sk_buff
const IFINDEX = 40;
const L2 = 14;

export interface ProgramRun {
  /** What the program returned. */
  readonly verdict: number;
  /** The frame as the program left it, without its link-layer header. */
  readonly packet: Uint8Array;
}

/** Runs a tcx program once over an IPv6 packet that came in (or goes out) by an interface of the current namespace. */
export function runProgram(fd: number, packet: Uint8Array, ifindex: number): ProgramRun {
  const input = fixed(L2 + packet.length);
  input[12] = 0x86;
  input[13] = 0xdd;
  input.set(packet, L2);
  const output = fixed(input.length + HEADROOM);
  const context = new Struct(CONTEXT).u32(IFINDEX, ifindex);
  const attr = new Struct(80)
    .u32(0, fd)
    .u32(8, input.length)
    .u32(12, output.length)
    .pointer(16, input)
    .pointer(24, output)
    .u32(32, 1)
    .u32(40, CONTEXT)
    .pointer(48, context.bytes);
  const result = bpf(PROG_TEST_RUN, attr);
  // The kernel has followed addresses: what is behind them must not have been collected.
  for (const held of [input, output, context.bytes]) held.at(0);
  check('running a program', result);
  return { verdict: attr.getU32(4) | 0, packet: output.slice(L2, attr.getU32(12)) };
}
