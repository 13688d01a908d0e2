import type { EngineEvent } from '../../engine/types.js';
import type { Address } from '../../wire/address.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import { decodeControl, isPayloadHeader, type ControlMessage } from '../../wire/shim6/index.js';
import type { Millis } from '../../wire/units.js';
import type { Fate } from '../network.js';
import { addressAt } from '../packets.js';
import type { World } from '../world.js';

/** One packet on its way. */
export interface SentPacket {
  readonly kind: 'packet';
  readonly at: Millis;
  readonly packet: Uint8Array;
  readonly source: Address;
  readonly destination: Address;
  /** Names of hosts; undefined: nobody has that address. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** Undefined: payload. */
  readonly control: ControlMessage | undefined;
  /** Payload with the extension header. */
  readonly shimmed: boolean;
  fate: Fate;
  arrivedAt: Millis | undefined;
}

/** Something that happened at one host, or (undefined) to the network. */
export interface Moment {
  readonly kind: 'moment';
  readonly at: Millis;
  readonly host: string | undefined;
  /** The other end of the context it is about. */
  readonly peer: string | undefined;
  readonly name: string;
  readonly detail: EngineEvent['detail'];
}

export type TraceEntry = SentPacket | Moment;

/** Writes down every packet, every engine event and every note of a run, in the order of time. */
export class Recorder {
  readonly entries: TraceEntry[] = [];
  readonly #world: World;
  /** Packets on the way. The same octets may be on it several times. */
  readonly #onTheWay = new Map<Uint8Array, SentPacket[]>();
  readonly #stop: (() => void)[];

  constructor(world: World) {
    this.#world = world;
    this.#stop = [
      world.network.tap((packet, fate) => this.#sent(packet, fate)),
      world.network.tapEnds((packet, fate) => this.#ended(packet, fate)),
      world.tapEvents((host, event) => this.#moment(host.name, event.name, event)),
    ];
  }

  /** A line of the experiment: the cut, for example. */
  note(text: string): void {
    this.#moment(undefined, text, undefined);
  }

  stop(): void {
    for (const stop of this.#stop) stop();
  }

  get packets(): readonly SentPacket[] {
    return this.entries.filter((entry) => entry.kind === 'packet');
  }

  #sent(packet: Uint8Array, fate: Fate): void {
    const source = addressAt(packet, 8);
    const destination = addressAt(packet, 24);
    const shim = packet[6] === PROTOCOL.shim6;
    const shimmed = shim && isPayloadHeader(packet, IPV6_HEADER);
    const decoded = shim && !shimmed ? decodeControl(packet.subarray(IPV6_HEADER)) : undefined;
    const sent: SentPacket = {
      kind: 'packet',
      at: this.#world.clock.now(),
      packet,
      source,
      destination,
      from: this.#owner(source),
      to: this.#owner(destination),
      control: decoded?.ok === true ? decoded.message : undefined,
      shimmed,
      fate,
      arrivedAt: undefined,
    };
    this.entries.push(sent);
    if (fate !== 'sent') return;
    const others = this.#onTheWay.get(packet);
    if (others === undefined) this.#onTheWay.set(packet, [sent]);
    else others.push(sent);
  }

  #ended(packet: Uint8Array, fate: Fate): void {
    const waiting = this.#onTheWay.get(packet);
    const sent = waiting?.shift();
    if (waiting?.length === 0) this.#onTheWay.delete(packet);
    if (sent === undefined) return; // it left before we looked, or is a duplicate
    sent.fate = fate;
    if (fate === 'arrived') sent.arrivedAt = this.#world.clock.now();
  }

  #moment(host: string | undefined, name: string, event: EngineEvent | undefined): void {
    const peer = event?.ulids === undefined ? undefined : this.#owner(event.ulids.peer);
    const at = this.#world.clock.now();
    this.entries.push({ kind: 'moment', at, host, peer, name, detail: event?.detail });
  }

  #owner(address: Address): string | undefined {
    return this.#world.hosts.find((host) => host.locators.includes(address))?.name;
  }
}

/** Short names of addresses: `a1` for the first locator of host A. */
export function locatorNames(world: World): (address: Address) => string {
  const names = new Map<Address, string>();
  for (const host of world.hosts) {
    const several = /[0-9]$/.test(host.name); // in1: its first locator is in1.1
    host.locators.forEach((address, i) =>
      names.set(address, `${host.name.toLowerCase()}${several ? '.' : ''}${i + 1}`),
    );
  }
  return (address) => names.get(address) ?? address;
}
