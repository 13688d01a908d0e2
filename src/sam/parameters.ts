import type { Address } from '../wire/address.js';
import { formatPrefix, type Prefix } from '../wire/prefix.js';
import { FOR_EVER, type SamParameters } from '../wire/sam-option.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import { SAM } from './constants.js';
import { decodeLocal } from './local.js';
import { isGlobal } from './route.js';

/** A prefix of a zone at one of its parent interfaces. Times may be infinite. */
export interface ZoneEntry {
  readonly parent: Address;
  readonly prefix: Prefix;
  readonly sequence: number;
  readonly hopCount: number;
  /** Where the nearest speaker was heard. */
  readonly interface: number;
  /** Every interface on which just this was heard, with the least hop count there: one may go, and another still have it. */
  readonly heardOn: ReadonlyMap<number, number>;
  readonly validUntil: Millis;
  readonly preferredUntil: Millis;
  /** Withdrawn before its time: kept for a while (SAM.maxTombstone), so that an older advertisement does not bring it back. */
  readonly withdrawn: boolean;
}

/** Why a parent or one of its prefixes is not taken over. */
export type ParameterRefusal =
  | 'parameters-too-far'
  | 'parameters-bad-parent'
  | 'parameters-other-constant'
  | 'parameters-own-parent'
  | 'parameters-bad-prefix'
  | 'parameters-own-prefix'
  | 'parameters-stale'
  | 'parameters-limit';

type Novelty = 'prefix-learned' | 'prefix-withdrawn';

export interface Learned {
  readonly events: readonly {
    readonly name: Novelty;
    readonly detail: Readonly<Record<string, string | number>>;
  }[];
  readonly refused: readonly ParameterRefusal[];
}

/** What the zone must not be told about itself. */
export interface Known {
  /** Our own parent interfaces in this zone. */
  readonly parents: readonly Address[];
  /** Of the zone's local addresses; undefined: what is learned first decides. */
  readonly constant: Prefix | undefined;
  /** Prefixes that we delegate ourselves: a zone below us cannot be above us. */
  readonly isOwn: (prefix: Prefix) => boolean;
}

const keyOf = (parent: Address, prefix: Prefix): string => `${parent} ${formatPrefix(prefix)}`;
/** Serial numbers (RFC 1982): whether `a` is after `b`. */
const isAfter = (a: number, b: number): boolean => ((a - b) | 0) > 0;
const until = (now: Millis, seconds: number): Millis =>
  seconds === FOR_EVER ? ms(Infinity) : addMs(now, 1_000 * seconds);

/** The parameters of one zone as others advertise them (§3.1): learned, aged, withdrawn. */
export class ZoneParameters {
  readonly #entries = new Map<string, ZoneEntry>();

  /** Those in force, parents and prefixes in order. */
  live(): ZoneEntry[] {
    return [...this.#entries.values()].filter((e) => !e.withdrawn).sort(inOrder);
  }

  /** Those in force and those withdrawn: what other routers are told. */
  all(): ZoneEntry[] {
    return [...this.#entries.values()].sort(inOrder);
  }

  get constant(): Prefix | undefined {
    for (const { parent } of this.#entries.values()) {
      const parts = decodeLocal(parent);
      if (parts.ok) return parts.constant;
    }
    return undefined;
  }

  /** Takes over what an advertisement on a trusted link says of one parent. */
  learn(from: SamParameters, index: number, known: Known, now: Millis): Learned {
    const events: Learned['events'][number][] = [];
    const refused: ParameterRefusal[] = [];
    const wrong = this.#wrongParent(from, known);
    if (wrong !== undefined) return { events, refused: from.prefixes.map(() => wrong) };
    for (const { prefix, validLifetime, preferredLifetime } of from.prefixes) {
      const entry: ZoneEntry = {
        parent: from.parent,
        prefix,
        sequence: from.sequence,
        hopCount: from.hopCount,
        interface: index,
        heardOn: new Map([[index, from.hopCount]]),
        validUntil: until(now, validLifetime),
        preferredUntil: until(now, preferredLifetime),
        withdrawn: validLifetime === 0,
      };
      const why =
        wrongPrefix(prefix) ?? (known.isOwn(prefix) ? 'parameters-own-prefix' : undefined);
      const name = why ?? this.#take(entry, now);
      if (name === undefined) continue;
      const detail = { parent: from.parent, prefix: formatPrefix(prefix), hopCount: from.hopCount };
      if (name === 'prefix-learned' || name === 'prefix-withdrawn') events.push({ name, detail });
      else refused.push(name);
    }
    return { events, refused };
  }

  /** An interface is gone, and with it what was heard there and nowhere else. True if something is forgotten by that. */
  forgetInterface(index: number): boolean {
    const before = this.#entries.size;
    for (const [key, entry] of this.#entries) {
      const heardOn = new Map(entry.heardOn);
      if (!heardOn.delete(index)) continue;
      const [nearest] = [...heardOn].sort(([, a], [, b]) => a - b);
      if (nearest === undefined) this.#entries.delete(key);
      else
        this.#entries.set(key, { ...entry, heardOn, interface: nearest[0], hopCount: nearest[1] });
    }
    return this.#entries.size < before;
  }

  /** Takes out what has ended; the prefixes that were in force. */
  expire(now: Millis): ZoneEntry[] {
    const ended: ZoneEntry[] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.validUntil > now) continue;
      this.#entries.delete(key);
      if (!entry.withdrawn) ended.push(entry);
    }
    return ended;
  }

  /** When something ends or becomes deprecated next. */
  deadline(now: Millis): Millis | undefined {
    let first = Infinity;
    for (const { validUntil, preferredUntil } of this.#entries.values()) {
      first = Math.min(first, validUntil);
      if (preferredUntil > now) first = Math.min(first, preferredUntil);
    }
    return first === Infinity ? undefined : ms(first);
  }

  #wrongParent(from: SamParameters, known: Known): ParameterRefusal | undefined {
    if (from.hopCount > SAM.maxHopCount) return 'parameters-too-far';
    const parts = decodeLocal(from.parent);
    if (!parts.ok) return 'parameters-bad-parent';
    const constant = known.constant ?? this.constant ?? parts.constant;
    if (formatPrefix(constant) !== formatPrefix(parts.constant)) return 'parameters-other-constant';
    return known.parents.includes(from.parent) ? 'parameters-own-parent' : undefined;
  }

  /** Undefined: nothing but the lifetimes changes. */
  #take(entry: ZoneEntry, now: Millis): Novelty | ParameterRefusal | undefined {
    const key = keyOf(entry.parent, entry.prefix);
    const old = this.#entries.get(key);
    if (old !== undefined && isAfter(old.sequence, entry.sequence)) return 'parameters-stale';
    if (old !== undefined && old.sequence === entry.sequence) return this.#refresh(key, old, entry);
    if (old === undefined && this.#entries.size >= 2 * SAM.maxZonePrefixes)
      return 'parameters-limit';
    if (entry.withdrawn) {
      // Not only as long as we had it: others may have heard what we missed, that it lasts longer.
      const end = addMs(now, SAM.maxTombstone);
      this.#entries.set(key, { ...entry, validUntil: end, preferredUntil: ms(0) });
      return old === undefined || old.withdrawn ? undefined : 'prefix-withdrawn';
    }
    if ((old === undefined || old.withdrawn) && this.live().length >= SAM.maxZonePrefixes) {
      return 'parameters-limit';
    }
    this.#entries.set(key, entry);
    return old === undefined || old.withdrawn ? 'prefix-learned' : undefined;
  }

  /**
   * The same once more. Lifetimes only grow: what shortens them has a new sequence number. The nearest speaker counts as
   * the source.
   */
  #refresh(key: string, old: ZoneEntry, entry: ZoneEntry): ParameterRefusal | undefined {
    if (old.withdrawn) return entry.withdrawn ? undefined : 'parameters-stale';
    if (entry.withdrawn) return 'parameters-stale';
    const nearer = entry.hopCount < old.hopCount;
    const before = old.heardOn.get(entry.interface) ?? Infinity;
    const heardOn = new Map(old.heardOn).set(entry.interface, Math.min(before, entry.hopCount));
    this.#entries.set(key, {
      ...old,
      heardOn,
      hopCount: Math.min(old.hopCount, entry.hopCount),
      interface: nearer ? entry.interface : old.interface,
      validUntil: ms(Math.max(old.validUntil, entry.validUntil)),
      preferredUntil: ms(Math.max(old.preferredUntil, entry.preferredUntil)),
    });
    return undefined;
  }
}

function wrongPrefix({ address, length }: Prefix): ParameterRefusal | undefined {
  return length < SAM.minPrefixLength || !isGlobal(address) ? 'parameters-bad-prefix' : undefined;
}

const inOrder = (a: ZoneEntry, b: ZoneEntry): number =>
  a.parent === b.parent
    ? compare(formatPrefix(a.prefix), formatPrefix(b.prefix))
    : compare(a.parent, b.parent);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Seconds left of a time, for an advertisement; at most `most`. One less for each router, so that nothing goes on for ever. */
export function secondsLeft(end: Millis, now: Millis, relayed: boolean, most = FOR_EVER): number {
  if (end === Infinity) return most;
  return Math.max(0, Math.min(most, Math.floor((end - now) / 1_000) - (relayed ? 1 : 0)));
}
