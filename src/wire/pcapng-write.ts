import { concatBytes, inRange } from './bytes.js';
import { LINKTYPE } from './link.js';
import { BLOCK, BYTE_ORDER_MAGIC, OPTION } from './pcapng.js';

/** Writing pcapng, little-endian: a section header, interfaces, then packets (draft-ietf-opsawg-pcapng). */

const OPTION_COMMENT = 1;
const OPTION_USER_APPLICATION = 4;

function word(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

function padded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  out.set(bytes);
  return out;
}

function option(code: number, value: Uint8Array): Uint8Array {
  return concatBytes(
    word(inRange('option length', value.length, 0xffff) * 65536 + code),
    padded(value),
  );
}

/** No options: nothing at all, which the format allows. */
const options = (list: readonly Uint8Array[]): Uint8Array =>
  list.length === 0 ? new Uint8Array() : concatBytes(...list, word(OPTION.end));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function block(type: number, ...body: readonly Uint8Array[]): Uint8Array {
  const contents = concatBytes(...body);
  const length = word(contents.length + 12);
  return concatBytes(word(type), length, contents, length);
}

/** What a pcapng file starts with; `application` names who wrote it. */
export const pcapngSection = (application = 'rehome'): Uint8Array =>
  block(
    BLOCK.section,
    word(BYTE_ORDER_MAGIC),
    word(1), // version 1.0
    word(0xffffffff), // section length: not given
    word(0xffffffff),
    options([option(OPTION_USER_APPLICATION, text(application))]),
  );

export interface PcapngInterface {
  readonly name?: string;
  /** Default 101: the frame is the IPv6 packet. */
  readonly linkType?: number;
  /** Unit of the timestamps of its packets. Default nanoseconds. */
  readonly resolution?: 'ns' | 'us';
}

/** Interfaces are numbered in the order they are written, from 0. */
export const pcapngInterface = (of: PcapngInterface = {}): Uint8Array =>
  block(
    BLOCK.interface,
    word(inRange('link type', of.linkType ?? LINKTYPE.raw, 0xffff)),
    word(0), // no snap length
    options([
      ...(of.name === undefined ? [] : [option(OPTION.name, text(of.name))]),
      option(OPTION.tsresol, new Uint8Array([of.resolution === 'us' ? 6 : 9])),
    ]),
  );

export interface PcapngPacket {
  /** Since 1970, in the unit of the interface. */
  readonly timestamp: bigint;
  readonly frame: Uint8Array;
  /** Default 0. */
  readonly interfaceId?: number;
  /** Octets on the wire when `frame` was cut. */
  readonly originalLength?: number;
  readonly comment?: string;
}

/** @throws WireError REHOME_E_RANGE */
export function pcapngPacket(of: PcapngPacket): Uint8Array {
  const ticks = BigInt.asUintN(64, of.timestamp);
  return block(
    BLOCK.enhanced,
    word(inRange('interface', of.interfaceId ?? 0, 0xffffffff)),
    word(Number(ticks >> 32n)),
    word(Number(ticks & 0xffffffffn)),
    word(of.frame.length),
    word(inRange('original length', of.originalLength ?? of.frame.length, 0xffffffff)),
    padded(of.frame),
    options(of.comment === undefined ? [] : [option(OPTION_COMMENT, text(of.comment))]),
  );
}
