import {
  addressToBytes,
  isLinkLocal,
  isUnspecified,
  UNSPECIFIED,
  type Address,
} from '../wire/address.js';
import { toHex } from '../wire/bytes.js';
import { ALL_NODES, solicitedNode } from '../wire/multicast.js';
import { buildNd, type NdOption, type NdPacket } from '../wire/nd.js';
import type { Prefix } from '../wire/prefix.js';
import { addMs, type Millis, type RandomSource } from '../wire/units.js';
import { fieldHex, type BitField } from './bits.js';
import { SAM } from './constants.js';
import { groupsOf, infixesCollide, rivalInfix } from './dad.js';
import { localIn } from './local.js';
import { TakenInfixes } from './taken.js';
import type { SamEffect, SamEventName, SamInterface } from './types.js';

/** RFC 3971 §5.3.2, as RFC 7527 uses it: our own solicitation, come back, is no sign of a duplicate. */
const NONCE = 14;

export interface AutoconfigurationOptions {
  readonly interface: SamInterface;
  /** A SAM /64. */
  readonly subnet: Prefix;
  /** Of IID infix, 0 to 7. */
  readonly octets: number;
  /** Tried first. */
  readonly infix?: bigint;
  /** Our neighbours shall know us as a router. */
  readonly router: boolean;
  /** Others have been told of the subnet by the same packet: do not all start at once (RFC 4862 §5.4.2). */
  readonly delay: boolean;
  readonly random: RandomSource;
  readonly now: Millis;
}

type Phase =
  | { readonly name: 'delaying'; readonly infix: BitField; readonly next: Millis }
  | {
      readonly name: 'probing';
      readonly infix: BitField;
      readonly nonce: string;
      readonly sent: number;
      readonly next: Millis;
    }
  | {
      readonly name: 'assigned';
      readonly infix: BitField;
      readonly announced: number;
      readonly next: Millis;
    }
  /** Too many collisions in a row. */
  | { readonly name: 'paused'; readonly next: Millis }
  | { readonly name: 'stopped' };

/**
 * One interface's local address (draft-despres-sam-03 §3.3): a random IID infix of a chosen length, duplicate detection
 * with the prefix rule, retry and defence. Loss can hide two holders from each other when they begin; they find out by
 * their announcements, and the one with the higher link-local address gives up.
 */
export class Autoconfiguration {
  readonly #o: AutoconfigurationOptions;
  readonly #taken = new TakenInfixes(SAM.maxTaken);
  #phase: Phase;
  #groups: readonly Address[] = [];
  #attempts = 0;
  #pauses = 0;
  #wish: bigint | undefined;

  constructor(options: AutoconfigurationOptions) {
    this.#o = options;
    this.#wish = options.infix;
    const wait = options.delay ? options.random.uniform() * SAM.maxStartDelay : 0;
    this.#phase = this.#chosen(addMs(options.now, wait));
  }

  get state(): Phase['name'] {
    return this.#phase.name;
  }
  get subnet(): Prefix {
    return this.#o.subnet;
  }
  get octets(): number {
    return this.#o.octets;
  }
  /** The local address, once it is ours. */
  get address(): Address | undefined {
    return this.#phase.name === 'assigned' ? this.#local(this.#phase.infix) : undefined;
  }

  deadline(): Millis | undefined {
    return this.#phase.name === 'stopped' ? undefined : this.#phase.next;
  }

  tick(now: Millis): SamEffect[] {
    const out: SamEffect[] = [];
    for (;;) {
      const due = this.deadline();
      if (due === undefined || due > now) return out;
      out.push(...this.#step(this.#phase, due, now));
    }
  }

  #step(phase: Phase, due: Millis, now: Millis): SamEffect[] {
    switch (phase.name) {
      case 'delaying':
        return this.#probe(phase.infix, toHex(this.#o.random.bytes(6)), 0, now);
      case 'probing':
        return phase.sent < SAM.dadTransmits
          ? this.#probe(phase.infix, phase.nonce, phase.sent, now)
          : this.#assign(phase.infix, now);
      case 'assigned':
        return this.#announce(phase.infix, phase.announced, now);
      case 'paused':
        this.#attempts = 0;
        this.#taken.clear();
        this.#phase = this.#chosen(due);
        return [];
      case 'stopped':
        return [];
    }
  }

  /** A valid Neighbor Solicitation or Advertisement that came in over the interface. */
  receive({ header, message }: NdPacket, now: Millis): SamEffect[] {
    if (message.message !== 'neighborSolicitation' && message.message !== 'neighborAdvertisement') {
      return [];
    }
    const phase = this.#phase;
    const rival = rivalInfix(this.#o.subnet, message.target);
    if (phase.name === 'stopped' || phase.name === 'paused' || rival === undefined) return [];
    if (!infixesCollide(rival, phase.infix)) return [];
    if (header.source === this.#o.interface.linkLocal) return [];
    if (message.message === 'neighborSolicitation') {
      // With a source it is address resolution: no claim, and for the system to answer.
      if (!isUnspecified(header.source)) return [];
      if (phase.name === 'probing' && nonceOf(message.options) === phase.nonce) return [];
      return phase.name === 'assigned'
        ? this.#defend(phase.infix, message.target, now)
        : this.#conflict(rival, now);
    }
    if (phase.name !== 'assigned') return this.#conflict(rival, now);
    // Two holders. Only what a holder's engine says counts: a system answers from the address itself.
    if (!isLinkLocal(header.source)) return [];
    return this.#yieldsTo(header.source)
      ? this.#yield(phase.infix, rival, now)
      : this.#defend(phase.infix, message.target, now);
  }

  /** Gives the address up and leaves all groups. */
  stop(): SamEffect[] {
    const { address } = this;
    this.#phase = { name: 'stopped' };
    const interface_ = this.#o.interface.index;
    const gone: SamEffect[] =
      address === undefined ? [] : [{ kind: 'unassign', interface: interface_, address }];
    return [...gone, ...this.#join([])];
  }

  #local(infix: BitField): Address {
    return localIn(this.#o.subnet, infix);
  }

  /** The next infix to try; none free: the next pause. */
  #chosen(next: Millis): Phase {
    const { octets, random } = this.#o;
    const wish = this.#wish;
    this.#wish = undefined;
    const infix =
      wish === undefined ? this.#taken.pick(octets, random) : { value: wish, length: 8 * octets };
    return infix === undefined ? this.#pause(next) : { name: 'delaying', infix, next };
  }

  #pause(now: Millis): Phase {
    const nominal = Math.min(SAM.maxPause, SAM.firstPause * 2 ** this.#pauses);
    this.#pauses++;
    // Drawn, so that those who collide with each other do not meet again.
    return { name: 'paused', next: addMs(now, nominal * (0.5 + this.#o.random.uniform() / 2)) };
  }

  /** RFC 4862 §5.4.2, in every group where a rival may be. */
  #probe(infix: BitField, nonce: string, sent: number, now: Millis): SamEffect[] {
    const target = this.#local(infix);
    const groups = groupsOf(this.#o.subnet, infix);
    const joined = sent === 0 ? this.#join(groups) : [];
    const contents = Uint8Array.from(nonce.match(/../g) ?? [], (digits) => parseInt(digits, 16));
    const options: NdOption[] = [{ option: 'unknown', type: NONCE, contents }];
    this.#phase = {
      name: 'probing',
      infix,
      nonce,
      sent: sent + 1,
      next: addMs(now, SAM.retransTimer),
    };
    const message = { message: 'neighborSolicitation' as const, target, options };
    return [...joined, ...groups.map((to) => this.#send(buildNd(UNSPECIFIED, to, message)))];
  }

  #assign(infix: BitField, now: Millis): SamEffect[] {
    this.#attempts = 0;
    this.#pauses = 0;
    this.#phase = { name: 'assigned', infix, announced: 0, next: now };
    const address = this.#local(infix);
    return [
      { kind: 'assign', interface: this.#o.interface.index, address },
      this.#event('local-assigned', now, { address, infix: fieldHex(infix) }),
    ];
  }

  /**
   * What makes good for lost probes. Our own group is enough: holders of longer infixes that collide are in it, and those of
   * shorter ones announce theirs in groups where we are.
   */
  #announce(infix: BitField, announced: number, now: Millis): SamEffect[] {
    const early = announced < SAM.earlyAnnouncements;
    const interval = early ? SAM.earlyAnnounceInterval : SAM.announceInterval;
    const next = addMs(now, interval * (0.75 + this.#o.random.uniform() / 2));
    this.#phase = { name: 'assigned', infix, announced: announced + 1, next };
    const to = solicitedNode(this.#local(infix));
    return [this.#send(this.#advertisement(infix, to, false))];
  }

  /** RFC 4861 §7.2.4: to all nodes, the prober has no address yet. */
  #defend(infix: BitField, against: Address, now: Millis): SamEffect[] {
    return [
      this.#send(this.#advertisement(infix, ALL_NODES, true)),
      this.#event('local-defended', now, { address: this.#local(infix), against }),
    ];
  }

  #advertisement(infix: BitField, to: Address, override: boolean): Uint8Array {
    const { linkLocal, linkLayer } = this.#o.interface;
    const options: NdOption[] =
      linkLayer === undefined ? [] : [{ option: 'targetLinkLayerAddress', address: linkLayer }];
    const message = 'neighborAdvertisement' as const;
    const target = this.#local(infix);
    const { router } = this.#o;
    return buildNd(linkLocal, to, { message, target, router, solicited: false, override, options });
  }

  #conflict(rival: BitField, now: Millis): SamEffect[] {
    const { octets } = this.#o;
    this.#taken.add(rival);
    this.#attempts++;
    const left = this.#join([]);
    const events = [
      this.#event('local-conflict', now, { with: fieldHex(rival), attempt: this.#attempts }),
    ];
    this.#phase = this.#attempts >= SAM.maxAttempts ? this.#pause(now) : this.#chosen(now);
    if (this.#phase.name === 'paused') {
      events.push(
        this.#event('autoconfiguration-paused', now, {
          octets,
          seconds: Math.round((this.#phase.next - now) / 1000),
        }),
      );
    }
    return [...left, ...events];
  }

  /** Between two holders: the lower link-local address stays. It is unique on the link, so exactly one of them yields. */
  #yieldsTo(source: Address): boolean {
    return toHex(addressToBytes(source)) < toHex(addressToBytes(this.#o.interface.linkLocal));
  }

  #yield(infix: BitField, rival: BitField, now: Millis): SamEffect[] {
    const address = this.#local(infix);
    const gone: SamEffect = { kind: 'unassign', interface: this.#o.interface.index, address };
    const event = this.#event('local-yielded', now, { address, to: fieldHex(rival) });
    return [gone, event, ...this.#conflict(rival, now)];
  }

  /** Joins what is new, leaves what is not wanted any more. */
  #join(groups: readonly Address[]): SamEffect[] {
    const index = this.#o.interface.index;
    const before = this.#groups;
    this.#groups = groups;
    return [
      ...groups
        .filter((g) => !before.includes(g))
        .map((group) => ({ kind: 'join' as const, interface: index, group })),
      ...before
        .filter((g) => !groups.includes(g))
        .map((group) => ({ kind: 'leave' as const, interface: index, group })),
    ];
  }

  #send(packet: Uint8Array): SamEffect {
    return { kind: 'send', interface: this.#o.interface.index, packet };
  }

  #event(
    name: SamEventName,
    at: Millis,
    detail: Readonly<Record<string, string | number>>,
  ): SamEffect {
    const event = { at, name, interface: this.#o.interface.index, detail };
    return { kind: 'event', event };
  }
}

function nonceOf(options: readonly NdOption[]): string | undefined {
  for (const option of options) {
    if (option.option === 'unknown' && option.type === NONCE) return toHex(option.contents);
  }
  return undefined;
}
