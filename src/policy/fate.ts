import { addressToBytes, type Address, type LocatorPair } from '../wire/address.js';
import type { Millis } from '../wire/units.js';
import { Denials } from './denials.js';
import { FateGroup } from './fate-group.js';

/** Octets that say by which exit a packet leaves: the /64 of its source. */
const EXIT = 8;
/** Octets that say to which site a packet goes: the /48 of its destination. */
const SITE = 6;

/** Contexts of one group that may ask at the same time, for all. */
const LEADERS = 3;
/** Different ones that have to be silent before their common part is to blame. */
const ENOUGH = 3;

/** What is to blame for the silence of a context. */
export type Blame =
  /** Nothing that others share, as far as is known. */
  | { readonly of: 'pair' }
  /** Ask again later: others are being asked. */
  | { readonly of: 'open' }
  | {
      readonly of: 'exit' | 'site' | 'both';
      /** Everybody who shares it. */
      readonly members: readonly number[];
    };

/**
 * Whose turn it is to ask. `first`: after three others. `again`, it has waited for them: only after siblings. `for all`: it
 * was chosen to ask (`takeQuiet`).
 */
export type Turn = 'first' | 'again' | 'for all';

/** Contexts over one exit with one locator of a peer: what one of them finds out is true of all. */
interface Siblings {
  readonly key: string;
  readonly members: Set<number>;
  /** Those that ask, or have asked in vain and look for another pair. */
  readonly leaders: Set<number>;
}

interface Member {
  readonly pair: LocatorPair;
  readonly exit: FateGroup;
  readonly site: FateGroup;
  /** Of the same peers as `site`. */
  readonly denials: Denials;
  readonly siblings: Siblings;
}

/**
 * Which contexts of this host share a pair of locators, an exit (our locator's /64), or an exit and the peers' site
 * (their locators' /48), and what may be concluded for all when some are silent. Pure bookkeeping, in constant time per
 * packet.
 */
export class Fate {
  readonly #members = new Map<number, Member>();
  readonly #groups = new Map<string, FateGroup>();
  readonly #exits = new Map<string, FateGroup>();
  readonly #siblings = new Map<string, Siblings>();
  readonly #denials = new Map<string, Denials>();

  /** A context, with the pair it sends over; again, when that changes. */
  place(id: number, pair: LocatorPair, now: Millis): void {
    const old = this.#members.get(id);
    if (old?.pair.local === pair.local && old.pair.peer === pair.peer) return;
    this.remove(id);
    const [exitKey, siteKey] = [prefixOf(pair.local, EXIT), prefixOf(pair.peer, SITE)];
    const exit = this.#group(exitKey, now);
    this.#exits.set(exitKey, exit);
    const site = this.#group(`${exitKey}>${siteKey}`, now);
    const denials = this.#denials.get(site.key) ?? new Denials();
    this.#denials.set(site.key, denials);
    const key = `${exitKey}>${pair.peer}`;
    const siblings = this.#siblings.get(key) ?? { key, members: new Set(), leaders: new Set() };
    this.#siblings.set(key, siblings);
    siblings.members.add(id);
    exit.add(id, siteKey);
    site.add(id, pair.peer);
    this.#members.set(id, { pair, exit, site, denials, siblings });
  }

  remove(id: number): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#members.delete(id);
    const { key, members, leaders } = member.siblings;
    members.delete(id);
    leaders.delete(id);
    if (members.size === 0) this.#siblings.delete(key);
    for (const group of [member.exit, member.site]) {
      group.delete(id);
      if (group.size > 0) continue;
      this.#groups.delete(group.key);
      this.#exits.delete(group.key);
      this.#denials.delete(group.key);
    }
  }

  /** Contexts over the same exit with the same locator of the peer, without this one. */
  siblings(id: number): number[] {
    return [...(this.#members.get(id)?.siblings.members ?? [])].filter((other) => other !== id);
  }

  /** An answer came for it: `packets` of them. Whoever was suspected is not any more. */
  heard(id: number, packets: number, now: Millis): void {
    const member = this.#members.get(id);
    member?.exit.heard(id, packets, now);
    member?.site.heard(id, packets, now);
    member?.siblings.leaders.delete(id);
  }

  /** It asks nothing, and nobody waits for it. */
  calm(id: number): void {
    const member = this.#members.get(id);
    member?.exit.clear(id);
    member?.site.clear(id);
    member?.siblings.leaders.delete(id);
  }

  /** It looks for another pair by itself. That it asked in vain before stays evidence. */
  inTrouble(id: number): void {
    const member = this.#members.get(id);
    member?.exit.inTrouble(id);
    member?.site.inTrouble(id);
  }

  /**
   * Its answer is overdue. True: it should ask, for itself and the others; false: others that share its fate are asking,
   * and it may wait for what they hear.
   */
  suspect(id: number, turn: Turn = 'first'): boolean {
    const member = this.#members.get(id);
    if (member === undefined) return true;
    const { exit, site, siblings } = member;
    const { leaders } = siblings;
    const free = turn === 'again' || exit.asking < LEADERS;
    const leads = turn === 'for all' || (free && (leaders.size === 0 || leaders.has(id)));
    if (leads) leaders.add(id);
    exit.suspect(id, leads);
    site.suspect(id, leads);
    return leads;
  }

  /** It asked, the last time at `askedAt`, and nobody answered. `denied`: its peer had said that it does not hear us. */
  failed(id: number, askedAt: Millis, denied = false): void {
    const member = this.#members.get(id);
    member?.exit.fail(id, askedAt);
    member?.site.fail(id, askedAt);
    if (denied) member?.denials.add(member.pair.peer, askedAt);
  }

  /** What it asked over its pair at `askedAt` was answered. */
  proved(id: number, askedAt: Millis): void {
    this.#members.get(id)?.denials.answered(askedAt);
  }

  /** Whether what is known by now lays the blame on something shared. */
  blame(id: number, now: Millis): Blame {
    const member = this.#members.get(id);
    if (member === undefined) return { of: 'pair' };
    const { exit, site, denials } = member;
    const exitSilent = exit.isSilent(ENOUGH);
    const siteSilent = denials.count(now) >= ENOUGH ? 'yes' : site.isSilent(ENOUGH);
    if (exitSilent === 'yes') return { of: 'exit', members: [...exit.members()] };
    if (siteSilent === 'yes') {
      // Where nobody else uses the exit, either may be dead.
      const of = exit.size === site.size ? 'both' : 'site';
      return { of, members: [...site.members()] };
    }
    return exitSilent === 'open' || siteSilent === 'open' ? { of: 'open' } : { of: 'pair' };
  }

  /** When an exit has been silent for longer than its traffic lets expect. */
  get quietAt(): Millis | undefined {
    let first: Millis | undefined;
    for (const exit of this.#exits.values()) {
      const at = exit.quietAt();
      if (at !== undefined && (first === undefined || at < first)) first = at;
    }
    return first;
  }

  /** Of each exit that is so now, contexts that should ask: of different sites, or none where they are too few. */
  takeQuiet(now: Millis): number[] {
    const out: number[] = [];
    for (const exit of this.#exits.values()) {
      const at = exit.quietAt();
      if (at === undefined || at > now) continue;
      const leaders = exit.alarm(LEADERS);
      if (leaders.length >= ENOUGH) out.push(...leaders);
    }
    return out;
  }

  localTrouble(pair: LocatorPair, now: Millis): number {
    return this.#groups.get(prefixOf(pair.local, EXIT))?.trouble(now) ?? 0;
  }
  peerTrouble(pair: LocatorPair, now: Millis): number {
    const key = `${prefixOf(pair.local, EXIT)}>${prefixOf(pair.peer, SITE)}`;
    return this.#groups.get(key)?.trouble(now) ?? 0;
  }

  #group(key: string, now: Millis): FateGroup {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new FateGroup(key, now);
      this.#groups.set(key, group);
    }
    return group;
  }
}

/** The exit of one of our locators, as a key. */
export const exitOf = (local: Address): string => prefixOf(local, EXIT);
/** The site of a peer's locator, as a key. */
export const siteOf = (peer: Address): string => prefixOf(peer, SITE);

const known = new Map<Address, Uint8Array>();
const KNOWN = 65_536;

function prefixOf(address: Address, octets: number): string {
  let bytes = known.get(address);
  if (bytes === undefined) {
    bytes = addressToBytes(address);
    if (known.size >= KNOWN) known.clear();
    known.set(address, bytes);
  }
  let text = '';
  for (let i = 0; i < octets; i++) text += String.fromCharCode(bytes[i] ?? 0);
  return text;
}

/** What a pair should not share with the one that failed, as keys of `exitOf` and `siteOf`. */
export interface Avoid {
  readonly exit?: string;
  readonly site?: string;
}
/** How many things are to be avoided. */
export const wishes = (avoid: Avoid): number =>
  (avoid.exit === undefined ? 0 : 1) + (avoid.site === undefined ? 0 : 1);
