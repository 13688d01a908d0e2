import { readFileSync } from 'node:fs';
import { decodeLabel, setLabel } from '../../../src/linux/netlink/label.js';
import { decodeEvent } from '../../../src/linux/netlink/events.js';
import {
  attribute,
  concat,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  nested,
  readNested,
  readText,
  type NetlinkMessage,
} from '../../../src/linux/netlink/message.js';
import { note } from '../harness/coverage.js';
import { readHex } from '../harness/findings.js';
import { must, refusing, type Target, type Unit } from '../harness/target.js';
import { mustEqual, show } from '../support/equal.js';

const HEADER = 16;
/** Octets before the attributes of each rtnetlink message, by type modulo the four of its family. */
const FIXED: Readonly<Record<number, number>> = { 16: 16, 20: 8, 24: 12, 28: 12, 32: 12, 52: 12 };
const REFUSAL = ['REHOME_E_NETLINK'];

export const target: Target = {
  name: 'netlink',
  about:
    'rtnetlink datagrams: messages, attributes, links, addresses, routes, rules, neighbours, prefixes',
  code: [
    'message',
    'events',
    'link',
    'address',
    'route',
    'rule',
    'neighbour',
    'prefix',
    'label',
  ].map((name) => `src/linux/netlink/${name}.ts`),
  seeds,
  units,
  repair,
  run(datagram) {
    const messages = refusing(REFUSAL, () => decodeMessages(datagram));
    must(
      (messages !== undefined) === fits(datagram, 0, HEADER, 4),
      'messages are read where their lengths fit',
    );
    if (!messages) return;
    const again = concat(...messages.map(encodeMessage));
    mustEqual(decodeMessages(again), messages, 'messages after a round trip');
    for (const message of messages) event(message);
  },
};

/** Do the lengths of the parts fit, each at least a header and none past the end? Up to three octets may follow attributes. */
function fits(octets: Uint8Array, from: number, header: 4 | 16, width: 2 | 4): boolean {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  let at = from;
  while (header === 4 ? octets.length - at >= 4 : at < octets.length) {
    if (octets.length - at < header) return false;
    const length = width === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
    if (length < header || at + length > octets.length) return false;
    at += 4 * Math.ceil(length / 4);
  }
  return true;
}

function event(message: NetlinkMessage): void {
  const { type, payload } = message;
  const label = refusing(REFUSAL, () => decodeLabel(payload));
  if (label) {
    const again = decodeLabel(setLabel(label).payload);
    mustEqual(again, label, 'a label after a round trip');
  }
  const decoded = refusing(REFUSAL, () => decodeEvent(message));
  if (decoded) {
    note(`event ${decoded.kind}`);
    must(show(decoded).length > 0, 'an event can be written down');
  }
  const offset = FIXED[type & ~3] ?? 0;
  const attributes = refusing(REFUSAL, () => decodeAttributes(payload, offset));
  must(
    (attributes !== undefined) === fits(payload, offset, 4, 2),
    'attributes are read where their lengths fit',
  );
  if (!attributes) return;
  for (const [kind, value] of attributes) {
    must(value.length <= payload.length, 'an attribute is in its message');
    readText(attributes, kind);
    refusing(REFUSAL, () => readNested(attributes, kind));
  }
  const octets = [...attributes].map(([kind, value]) => attribute(kind, value));
  mustEqual(
    [...decodeAttributes(concat(...octets))],
    [...attributes],
    'attributes after a round trip',
  );
  if (attributes.size > 0) readNested(decodeAttributes(nested(1, ...octets)), 1);
}

/** What a kernel said when it was asked, one datagram to a paragraph. */
function seeds(): Uint8Array[] {
  return readFileSync(new URL('../seeds/netlink.hex', import.meta.url), 'utf8')
    .split('\n\n')
    .map((text) => readHex(text, 'seeds/netlink.hex'))
    .concat(PREFIX, REFUSED)
    .filter((octets) => octets.length > 0);
}

/** RTM_NEWPREFIX, which no dump gives: family, index, type, length, flags; prefix, cache info. */
const PREFIX = encodeMessage({
  ...{ type: 52, flags: 0, sequence: 0, port: 0 },
  payload: readHex(
    '0a000000 04000000 03400300 14000100 20010db8000700000000000000000000 0c000200 100e0000 201c0000',
    'prefix',
  ),
});
/** NLMSG_ERROR with EPERM. */
const REFUSED = encodeMessage({
  ...{ type: 2, flags: 0x100, sequence: 1, port: 0 },
  payload: readHex('ffffffff 14000000 16000500 01000000 00000000', 'error'),
});

/** Messages, and the attributes of each. */
function units(datagram: Uint8Array): Unit[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const out: Unit[] = [];
  for (let from = 0; from + HEADER <= datagram.length && out.length < 200;) {
    const length = Math.max(HEADER, view.getUint32(from, true));
    const to = Math.min(datagram.length, from + 4 * Math.ceil(length / 4));
    out.push({ from, to });
    const fixed = FIXED[view.getUint16(from + 4, true) & ~3] ?? 0;
    for (let at = from + HEADER + fixed; at + 4 <= to;) {
      const end = Math.min(to, at + Math.max(4, (view.getUint16(at, true) + 3) & ~3));
      out.push({ from: at, to: end });
      at = end;
    }
    from = to;
  }
  return out;
}

/** One message: as long as the datagram. Its last attribute ends with it. */
function repair(datagram: Uint8Array): Uint8Array {
  if (datagram.length < HEADER) return datagram;
  const out = datagram.slice();
  const view = new DataView(out.buffer);
  view.setUint32(0, out.length, true);
  const last = units(out).at(-1);
  if (last !== undefined && last.from > 0 && last.from + 4 <= out.length) {
    view.setUint16(last.from, out.length - last.from, true);
  }
  return out;
}
