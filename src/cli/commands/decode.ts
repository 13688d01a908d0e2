import { createReadStream } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import pc from 'picocolors';
import { describePacket } from '../../wire/shim6/describe/index.js';
import { isBad, toJson, toText, type DecodedItem } from '../decode/render.js';
import { readInput, type InputItem } from '../decode/input.js';
import type { Register } from '../registry.js';

const HELP = `
Hex input has one IPv6 packet on a line; spaces, commas, 0x and # comments are allowed, blank lines are skipped.
A pcap or pcapng file is recognised by its first octets, also on standard input; it is read to its end first.

Fields have their RFC names in lowerCamelCase; tags, nonces and octets are hexadecimal. A malformed packet is shown
with its error code and the offset (octets from the start of the IPv6 packet) and the next one goes on. A control
message with a wrong checksum is shown whole, with checksum: bad.

With --json every packet is one object on a line, with "packet" and "kind": "control", "payload", "other" or
"malformed".

Exit status: 0 the input was read, 1 with --strict when a packet was malformed or had a bad checksum,
2 the input could not be read.

Examples:
  tcpdump -i eth0 -w shim6.pcap ip6 proto 140    then Ctrl-C, then
  rehome decode shim6.pcap
  rehome decode capture.pcapng --json | jq 'select(.message == "Probe")'`;

export interface DecodeIo {
  /** File to read; undefined or `-`: `stdin`. */
  readonly file?: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly json: boolean;
  readonly strict: boolean;
  readonly color: boolean;
  write(text: string): void;
  writeError(text: string): void;
}

/**
 * Prints every packet of the input.
 * @returns the exit status: 0, 1 (`strict` and something was bad), 2 (unreadable)
 */
export async function decodeCommand(io: DecodeIo): Promise<number> {
  const colors = pc.createColors(io.color);
  const fromFile = io.file !== undefined && io.file !== '-';
  const source = fromFile ? createReadStream(io.file) : io.stdin;
  let bad = false;
  let count = 0;
  try {
    for await (const item of readInput(source)) {
      const decoded: DecodedItem = { item, view: viewOf(item) };
      bad ||= isBad(decoded);
      io.write(io.json ? `${toJson(decoded)}\n` : toText(decoded, colors));
      // Let the output drain: a big capture must not be held in memory as text.
      if (++count % 64 === 0) await turn();
    }
  } catch (error) {
    if (!isSystemError(error)) throw error;
    io.writeError(
      `rehome: cannot read ${fromFile ? io.file : 'standard input'}: ${error.message}\n`,
    );
    return 2;
  }
  if (count === 0) io.writeError('rehome: no packets in the input\n');
  return io.strict && bad ? 1 : 0;
}

const viewOf = (item: InputItem): DecodedItem['view'] =>
  'octets' in item.content ? describePacket(item.content.octets) : undefined;

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error;

/** Adds `decode [file]` to the program. */
export const registerDecode: Register = (program, io) => {
  program
    .command('decode')
    .argument('[file]', 'pcap, pcapng or hex lines; - or nothing: standard input')
    .description('print Shim6 packets from hex lines, pcap or pcapng')
    .option('--json', 'print one JSON object per packet')
    .option('--strict', 'exit 1 when a packet is malformed or has a bad checksum')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: { json?: boolean; strict?: boolean }) => {
      if ((file === undefined || file === '-') && process.stdin.isTTY) {
        io.err('rehome: reading packets as hex lines from the terminal, Ctrl-D ends\n');
      }
      const status = await decodeCommand({
        ...(file === undefined ? {} : { file }),
        stdin: process.stdin,
        json: options.json === true,
        strict: options.strict === true,
        color: io.colors.isColorSupported,
        write: (text) => io.out(text),
        writeError: (text) => io.err(text),
      });
      if (status !== 0) process.exitCode = status;
    });
};
