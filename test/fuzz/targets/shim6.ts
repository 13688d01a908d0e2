import { roundUp8, toHex, u16, u8 } from '../../../src/wire/bytes.js';
import {
  errorFor,
  decodeControl,
  decodePayloadHeader,
  encodeControl,
  encodePayloadHeader,
  type ControlMessage,
} from '../../../src/wire/shim6/index.js';
import { note } from '../harness/coverage.js';
import { must, refusing, type Target } from '../harness/target.js';
import { mustEqual, sameOctets } from '../support/equal.js';
import { repairShim6, shim6Units } from '../support/packet.js';
import { soundly } from '../support/refusal.js';
import { vectorBytes, vectorNames } from '../../wire/vectors.js';

const MAX_HEADER = 8 * 256;
const WITH_REPLY = ['unknown-type', 'critical-option'];

export const target: Target = {
  name: 'shim6',
  about: 'control messages with every option, and the Payload Extension header',
  code: ['src/wire/shim6/', 'src/wire/bytes', 'src/wire/checksum'],
  maxLength: MAX_HEADER + 16,
  seeds: () => vectorNames('shim6').map((name) => vectorBytes(`shim6/${name}`)),
  units: (octets) => shim6Units(octets, 0),
  repair(octets, random) {
    const out = octets.slice();
    repairShim6(out, 0, random);
    return out;
  },
  run(octets) {
    const payload = soundly(decodePayloadHeader(octets), octets.length);
    if (payload) {
      const again = encodePayloadHeader(payload.header);
      must(sameOctets(again, octets.subarray(0, 8)), 'a payload header after a round trip');
    }
    const decoded = decodeControl(octets);
    const control = soundly(decoded, octets.length);
    must(payload === undefined || control === undefined, 'a header is of one kind');
    if (control) return roundTrip(control.message, control.length, octets);
    if (decoded.ok) return;
    const answered = WITH_REPLY.includes(decoded.reason);
    must(answered === (decoded.reply !== undefined), `the reply to ${decoded.reason}`);
    if (decoded.reply) answer(octets, decoded.reply.errorCode, decoded.reply.pointer);
    // For people a message with a wrong checksum is shown all the same.
    if (decoded.reason === 'bad-checksum')
      soundly(decodeControl(octets, { ignoreChecksum: true }), octets.length);
  },
};

/** By their own length fields the options lie one behind the other, and the last ends with the message. */
function tiled(message: ControlMessage, length: number, octets: Uint8Array): void {
  if (message.message === 'error' || message.options.length === 0) return;
  let at = message.options[0]?.offset ?? 0;
  for (const { offset } of message.options) {
    must(offset === at, 'options lie one behind the other');
    at += roundUp8(4 + u16(octets, at + 2));
  }
  must(at === length, 'the last option ends with the message');
}

/** Options without what only the decoder knows. */
const plain = (message: ControlMessage): unknown =>
  message.message === 'error'
    ? message
    : { ...message, options: message.options.map(({ offset: _, ...option }) => option) };

function roundTrip(message: ControlMessage, length: number, octets: Uint8Array): void {
  must(length === 8 * (u8(octets, 1) + 1) && length <= octets.length, 'the length is the header’s');
  if (message.message !== 'error') {
    for (const o of message.options) {
      note(`${message.message}/${o.option}`);
      must(
        o.offset !== undefined && o.offset % 8 === 0 && o.offset < length,
        'an option has its place',
      );
    }
  }
  tiled(message, length, octets);
  const again = refusing(['REHOME_E_TOO_LARGE', ...unwritable(message)], () =>
    encodeControl(message),
  );
  if (again === undefined) return;
  must(again.length === length, 'what is written is as long as what was read');
  const back = decodeControl(again);
  must(back.ok, () => `what is written can be read: ${toHex(again)}`);
  mustEqual(plain(back.message), plain(message), 'a message after a round trip');
  must(sameOctets(encodeControl(back.message), again), 'writing twice gives the same octets');
}

/** Elements of preferences that are longer than we know are read, and not written. */
const unwritable = (message: ControlMessage): string[] =>
  message.message !== 'error' &&
  message.options.some((o) => o.option === 'locatorPreferences' && o.elementLength > 3)
    ? ['REHOME_E_RANGE']
    : [];

function answer(octets: Uint8Array, errorCode: number, pointer: number): void {
  must(pointer >= 0 && pointer < octets.length, 'the pointer is into the message');
  const error = errorFor(octets, 0, errorCode, pointer);
  const back = decodeControl(encodeControl(error));
  must(back.ok && back.message.message === 'error', 'the Error message can be read');
}
