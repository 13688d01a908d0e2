import { internetChecksum } from '../../checksum.js';
import { setU16, u16, u8 } from '../../bytes.js';
import { parseIcmpError } from '../../icmpv6.js';
import { PROTOCOL, walkHeaders, type HeaderWalk } from '../../ipv6.js';
import type { DecodeFailure } from '../../result.js';
import { decodeControl, decodePayloadHeader, messageNameOf } from '../index.js';
import type { ControlSuccess, ErrorReply } from '../result.js';
import { formatTag } from '../../units.js';
import { messageFields, optionFields, reservedName, type Fields } from './fields.js';
import { icmpName, MESSAGE_TITLE, protocolName } from './names.js';

/** Where a packet came from and went to; missing when not even that can be read. */
interface Addressed {
  readonly source?: string;
  readonly destination?: string;
  readonly hopLimit?: number;
}

/**
 * An IPv6 packet as `rehome decode` shows it. `fields` stand in the order of the RFC's figure; `--json` spreads them
 * into the object. Offsets count octets from the start of the IPv6 packet.
 */
export type PacketView = Addressed &
  (
    | {
        readonly kind: 'control';
        readonly message: string;
        readonly fields: Fields;
        readonly options: readonly Fields[];
        readonly checksumOk: boolean;
        /** Of an Error message: the packet in error in a few words. */
        readonly about?: string;
      }
    | {
        readonly kind: 'payload';
        readonly message: string;
        readonly fields: Fields;
        readonly inner: string;
      }
    | {
        readonly kind: 'other';
        readonly summary: string;
        readonly fields: Fields;
        readonly about?: string;
      }
    | {
        readonly kind: 'malformed';
        readonly message?: string;
        readonly error: string;
        readonly offset: number;
        readonly reason: string;
        /** Present when a receiver answers with an Error message. */
        readonly reply?: ErrorReply;
      }
  );

/** Describes an IPv6 packet. Never throws. */
export const describePacket = (packet: Uint8Array): PacketView => describe(packet, false);

/** The same for a packet that came back inside an error, cut: a few words. */
export function summarizePacket(packet: Uint8Array): string {
  const view = describe(packet, true);
  const between = view.source === undefined ? '' : ` ${view.source} > ${view.destination ?? ''}`;
  switch (view.kind) {
    case 'control':
      return view.message + between;
    case 'payload':
      return `${view.message} (${view.inner})${between}`;
    case 'other':
      return view.summary + between;
    case 'malformed':
      return `${view.message ?? 'packet'} that can't be read (${view.reason})${between}`;
  }
}

function describe(packet: Uint8Array, embedded: boolean): PacketView {
  const walk = walkHeaders(packet, { allowTruncated: embedded });
  if (!walk.ok) return malformed(walk, 0, {});
  const { source, destination, hopLimit } = walk.header;
  const from: Addressed = { source, destination, hopLimit };
  const payload = walk.extensions.find((e) => e.protocol === PROTOCOL.shim6);
  if (payload !== undefined) return describePayload(packet, walk, payload.offset, from);
  const whole = walk.fragment === undefined || (walk.fragment.offset === 0 && !walk.fragment.more);
  if (walk.upper.protocol === PROTOCOL.shim6 && whole) {
    return describeControl(packet.subarray(walk.upper.offset, walk.end), walk.upper.offset, from);
  }
  return describeOther(packet, walk, from, embedded);
}

function malformed(
  failed: DecodeFailure & { readonly reply?: ErrorReply },
  base: number,
  rest: Addressed & { readonly message?: string },
): PacketView {
  const { code, offset, reason, reply } = failed;
  return {
    kind: 'malformed',
    ...rest,
    error: code,
    offset: base + offset,
    reason,
    ...(reply === undefined ? {} : { reply: { ...reply, pointer: base + reply.pointer } }),
  };
}

function describeControl(octets: Uint8Array, base: number, from: Addressed): PacketView {
  const strict = decodeControl(octets);
  const bad = !strict.ok && strict.reason === 'bad-checksum';
  const result = bad ? decodeControl(octets, { ignoreChecksum: true }) : strict;
  if (!result.ok) {
    const name = messageNameOf(u8(octets, 2));
    // With a wrong checksum, that is what a receiver drops it for.
    const failed = bad && !strict.ok ? strict : result;
    return malformed(failed, base, {
      ...from,
      ...(name === undefined ? {} : { message: MESSAGE_TITLE[name] }),
    });
  }
  const { message } = result;
  return {
    kind: 'control',
    ...from,
    message: MESSAGE_TITLE[message.message],
    fields: { ...headerFields(result, octets, !bad), ...messageFields(result) },
    options: 'options' in message ? message.options.map((o) => optionFields(o, octets)) : [],
    checksumOk: !bad,
    ...(message.message === 'error' ? { about: summarizePacket(message.packetInError) } : {}),
  };
}

function headerFields(result: ControlSuccess, octets: Uint8Array, ok: boolean): Fields {
  const { header, message, reserved, length } = result;
  const name = reservedName(message);
  const hex = (value: number): string => value.toString(16).padStart(4, '0');
  const zeroed = octets.slice(0, length);
  setU16(zeroed, 4, 0);
  return {
    nextHeader: header.nextHeader,
    hdrExtLen: header.hdrExtLen,
    p: 0,
    type: header.type,
    ...(name === undefined ? {} : { [name]: reserved.reserved1 ?? 0 }),
    s: 0,
    checksum: ok ? 'ok' : 'bad',
    checksumField: hex(header.checksum),
    ...(ok ? {} : { checksumExpected: hex(internetChecksum(zeroed)) }),
  };
}

function describePayload(
  packet: Uint8Array,
  walk: HeaderWalk,
  offset: number,
  from: Addressed,
): PacketView {
  const result = decodePayloadHeader(packet.subarray(offset));
  const message = 'Payload Extension';
  if (!result.ok) return malformed(result, offset, { ...from, message });
  const { nextHeader, receiverContextTag } = result.header;
  const upper = upperLayer(packet, walk);
  return {
    kind: 'payload',
    ...from,
    message,
    fields: {
      nextHeader,
      hdrExtLen: 0,
      p: 1,
      receiverContextTag: formatTag(receiverContextTag),
      protocol: walk.upper.protocol,
      ...upper.fields,
    },
    inner: upper.summary,
  };
}

function describeOther(
  packet: Uint8Array,
  walk: HeaderWalk,
  from: Addressed,
  embedded: boolean,
): PacketView {
  const { summary, fields } = upperLayer(packet, walk);
  const error = embedded ? undefined : parseIcmpError(packet);
  return {
    kind: 'other',
    ...from,
    summary,
    fields: { protocol: walk.upper.protocol, ...fields },
    ...(error?.ok === true ? { about: summarizePacket(error.invokingPacket) } : {}),
  };
}

/** Protocol, ports or ICMPv6 type, fragment: what fits on a line. */
function upperLayer(packet: Uint8Array, walk: HeaderWalk): { summary: string; fields: Fields } {
  const { protocol, offset } = walk.upper;
  const { fragment } = walk;
  const name = protocolName(protocol);
  const part: Fields =
    fragment === undefined
      ? {}
      : { fragmentOffset: fragment.offset, moreFragments: fragment.more ? 1 : 0 };
  if (fragment !== undefined && fragment.offset > 0) {
    return { summary: `${name}, fragment at ${fragment.offset}`, fields: part };
  }
  const first = fragment?.more === true ? ', first fragment' : '';
  if ((protocol === PROTOCOL.tcp || protocol === PROTOCOL.udp) && offset + 4 <= walk.end) {
    const sourcePort = u16(packet, offset);
    const destinationPort = u16(packet, offset + 2);
    const summary = `${name} ${sourcePort} > ${destinationPort}${first}`;
    return { summary, fields: { sourcePort, destinationPort, ...part } };
  }
  if (protocol === PROTOCOL.icmpv6 && offset + 2 <= walk.end) {
    const icmpType = u8(packet, offset);
    const icmpCode = u8(packet, offset + 1);
    const code = icmpCode === 0 ? '' : `, code ${icmpCode}`;
    return {
      summary: `${name} ${icmpName(icmpType)}${code}${first}`,
      fields: { icmpType, icmpCode, ...part },
    };
  }
  return { summary: name + first, fields: part };
}
