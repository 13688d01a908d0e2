import type { Address } from '../../../../src/wire/address.js';
import { buildIcmpError } from '../../../../src/wire/icmpv6.js';
import { buildIpv6 } from '../../../../src/wire/ipv6.js';
import {
  buildControlPacket,
  encodePayloadHeader,
  findOption,
  VERIFICATION_METHOD,
  type ControlMessage,
  type ProbeReport,
  type Shim6Option,
} from '../../../../src/wire/shim6/index.js';
import { contextTag } from '../../../../src/wire/units.js';
import { refusing } from '../../harness/target.js';
import { read } from './checks.js';
import type { FuzzHost } from './host.js';
import { anyOf, pool, tags } from './hostile.js';
import { proverOf } from './people.js';
import type { Record } from './program.js';
import type { World } from './world.js';

/**
 * Somebody who is not on the path: it knows every address, every proof that hosts tell anybody, and what was said to
 * itself. It does not know the tags, nonces and validators of others, and it may send from any address.
 */

const X_TAG = contextTag(0x0e0e0e0e0e0e);
const X_NONCE = 0xe0e0e0e0;

/** 47 bits that nobody uses. */
function strangeTag(world: World, seed: number) {
  let value = (Math.imul(seed, 0x9e3779b1) >>> 0) * 32768 + (seed & 0x7fff);
  const used = new Set(tags(world));
  while (used.has(value)) value = (value + 1) % 2 ** 47;
  return contextTag(value);
}

/** One packet of a stranger to `host`, or undefined when it has nothing to say. */
export function strangerPacket(world: World, host: FuzzHost, r: Record): Uint8Array | undefined {
  const destination = anyOf(host.addresses, r.argument & 3);
  const { X } = world.people.addresses;
  const own = anyOf(X, r.c & 1);
  const source = (r.c & 6) === 0 ? own : anyOf(pool(world), (r.argument >>> 2) & 15);
  if (destination === undefined || source === undefined) return undefined;
  if (r.b % 14 === 12) return strangePayload(world, source, destination, r);
  if (r.b % 14 === 13) return strangeError(world, host, source, destination, r);
  const message = strangeMessage(world, host, r, source, destination);
  // Proofs and all, it may be more than a stranger can send, too.
  return (
    message &&
    refusing(['REHOME_E_TOO_LARGE'], () => buildControlPacket(source, destination, message))
  );
}

function strangePayload(
  world: World,
  source: Address,
  destination: Address,
  r: Record,
): Uint8Array {
  const receiverContextTag = strangeTag(world, r.argument);
  const header = encodePayloadHeader({ message: 'payload', nextHeader: 17, receiverContextTag });
  return buildIpv6({ source, destination, nextHeader: 140, payload: header });
}

/** An ICMPv6 error about a packet without header between the ULIDs, which everybody can make up. */
function strangeError(
  world: World,
  host: FuzzHost,
  source: Address,
  destination: Address,
  r: Record,
): Uint8Array {
  const peer = anyOf(world.other(host).addresses, r.c >>> 4) ?? source;
  const invokingPacket = buildIpv6({
    source: destination,
    destination: peer,
    nextHeader: 6,
    payload: new Uint8Array(20),
  });
  return buildIcmpError({
    source,
    destination,
    type: 1 + (r.c & 3),
    code: r.b >>> 4,
    invokingPacket,
  });
}

function strangeMessage(
  world: World,
  host: FuzzHost,
  r: Record,
  source: Address,
  destination: Address,
): ControlMessage | undefined {
  const tag = (r.argument & 0x100) === 0 ? X_TAG : strangeTag(world, r.argument);
  const nonce = (r.argument & 0x200) === 0 ? X_NONCE : r.argument;
  const claims = ulidPair(world, host, r);
  const fork =
    (r.argument & 0x400) === 0
      ? []
      : [
          {
            option: 'forkedInstanceIdentifier' as const,
            forkedInstanceIdentifier: (r.argument >>> 11) & 3,
          },
        ];
  const list = locatorOptions(world, host, r);
  const validator = { option: 'responderValidator' as const, validator: new Uint8Array(20) };
  switch (r.b % 14) {
    case 0:
      return {
        message: 'i1',
        initiatorContextTag: tag,
        initiatorNonce: nonce,
        options: [...claims, ...fork],
      };
    case 1:
      return { message: 'r1', initiatorNonce: nonce, responderNonce: nonce, options: [validator] };
    case 2:
    case 3: {
      const answer = lastR1(world, source, destination);
      const options = [answer?.option ?? validator, ...claims, ...fork, ...list];
      return {
        message: 'i2',
        initiatorContextTag: tag,
        initiatorNonce: nonce,
        responderNonce: answer?.responderNonce ?? 0,
        options,
      };
    }
    case 4:
      return { message: 'r2', responderContextTag: tag, initiatorNonce: nonce, options: list };
    case 5:
      return {
        message: 'r1bis',
        packetContextTag: strangeTag(world, r.argument),
        responderNonce: nonce,
        options: [validator],
      };
    case 6: {
      const answer = lastR1bis(world, source, destination);
      const options = [answer?.option ?? validator, ...claims, ...fork, ...list];
      return {
        message: 'i2bis',
        initiatorContextTag: tag,
        initiatorNonce: nonce,
        responderNonce: answer?.responderNonce ?? 0,
        packetContextTag: answer?.packetContextTag ?? tag,
        options,
      };
    }
    case 7:
      return {
        message: 'updateRequest',
        receiverContextTag: strangeTag(world, r.argument),
        requestNonce: nonce,
        options: list,
      };
    case 8:
      return {
        message: 'updateAcknowledgement',
        receiverContextTag: strangeTag(world, r.argument),
        requestNonce: nonce,
        options: [],
      };
    case 9:
      return {
        message: 'keepalive',
        receiverContextTag: strangeTag(world, r.argument),
        options: [],
      };
    case 10:
      return {
        message: 'probe',
        receiverContextTag: strangeTag(world, r.argument),
        state: (['operational', 'exploring', 'inboundOk'] as const)[r.c % 3] ?? 'exploring',
        sent: [reportOf(source, destination, r)],
        received: [reportOf(destination, source, r)],
        options: [],
      };
    case 11: {
      const quoted = buildControlPacket(destination, source, {
        message: 'keepalive',
        receiverContextTag: strangeTag(world, r.argument),
        options: [],
      });
      return {
        message: 'error',
        errorCode: r.c & 127,
        pointer: r.argument & 0xffff,
        packetInError: quoted,
      };
    }
    default:
      return undefined;
  }
}

const reportOf = (source: Address, destination: Address, r: Record): ProbeReport => ({
  source,
  destination,
  nonce: r.argument,
  data: 0,
});

/** Claims to be the other host, or itself, or says nothing. */
function ulidPair(world: World, host: FuzzHost, r: Record): Shim6Option[] {
  const who = [undefined, world.other(host).addresses, world.people.addresses.X, pool(world)][
    (r.c >>> 3) & 3
  ];
  const senderUlid = who && anyOf(who, r.c >>> 5);
  const receiverUlid = anyOf(host.addresses, (r.argument >>> 13) & 3);
  if (senderUlid === undefined || receiverUlid === undefined) return [];
  return [{ option: 'ulidPair', senderUlid, receiverUlid }];
}

/** A list that proves something about somebody, as that somebody tells it to anybody; or one without a proof. */
function locatorOptions(world: World, host: FuzzHost, r: Record): Shim6Option[] {
  const name = (['B', 'X', 'A'] as const)[(r.argument >>> 16) % 3] ?? 'X';
  const addresses = [...world.people.addresses[name]];
  const [ulid] = addresses;
  const stranger = world.people.addresses.X[0];
  if (ulid === undefined || stranger === undefined || host.name === name) return [];
  if ((r.argument & 0x100000) !== 0) addresses.push(stranger);
  if ((r.argument & 0x200000) !== 0) addresses.reverse();
  const generation = r.argument >>> 24;
  const own = proverOf(world.people, name);
  const proof = own?.prove(ulid, world.people.addresses[name], generation);
  const methods = own?.prove(ulid, addresses, generation).methods;
  return [
    {
      option: 'locatorList',
      generation,
      locators: addresses.map((address, i) => ({
        address,
        method: methods?.[i] ?? VERIFICATION_METHOD.none,
      })),
    },
    ...(proof?.parameters
      ? [{ option: 'cgaParameterDataStructure' as const, parameters: proof.parameters }]
      : []),
    // The signature is over what the somebody lists, not over what the stranger adds.
    ...(proof?.signature ? [{ option: 'cgaSignature' as const, signature: proof.signature }] : []),
  ];
}

/** The newest answer that came to the stranger at that address. */
function lastHeard(
  world: World,
  source: Address,
  destination: Address,
  name: 'r1' | 'r1bis',
): ControlMessage | undefined {
  return world.heardByX
    .map(read)
    .filter(
      (h) =>
        h?.message.message === name && h.arrival.local === source && h.arrival.peer === destination,
    )
    .at(-1)?.message;
}

function lastR1(world: World, source: Address, destination: Address) {
  const message = lastHeard(world, source, destination, 'r1');
  if (message?.message !== 'r1') return undefined;
  const option = findOption(message, 'responderValidator');
  return option && { option, responderNonce: message.responderNonce };
}

function lastR1bis(world: World, source: Address, destination: Address) {
  const message = lastHeard(world, source, destination, 'r1bis');
  if (message?.message !== 'r1bis') return undefined;
  const option = findOption(message, 'responderValidator');
  const { responderNonce, packetContextTag } = message;
  return option && { option, responderNonce, packetContextTag };
}
