import type { KeyObject } from 'node:crypto';
import { randomModifier } from '../../identity/cga.js';
import type { HbaVerifier } from '../../identity/hba-verifier.js';
import { MAX_COLLISION_COUNT } from '../../identity/parameters.js';
import { maskAddress, type Prefix } from '../../wire/prefix.js';
import type { Address } from '../../wire/address.js';
import { addMs, type Millis, type RandomSource } from '../../wire/units.js';
import type { Clock, Timer } from '../clock.js';
import type { HostAddress } from '../locators.js';
import { FOREVER_SECONDS, type AddressControl } from '../world.js';
import { makeIdentity, type FindModifier } from './make.js';
import { plan, type Plan, type WantedAddress } from './plan.js';
import {
  PrefixTable,
  type AdvertisedPrefix,
  type ConfiguredPrefix,
  type SeenPrefix,
} from './prefixes.js';
import { realize, type Identity, type IdentityKind, type IdentityRecord } from './record.js';
import type { IdentityStore } from './store.js';

export interface KeeperSettings {
  readonly kind: IdentityKind;
  readonly sec: number;
  /** Whether new connections are to leave from the addresses made here. */
  readonly prefer: boolean;
}

export interface KeeperOptions {
  readonly settings: KeeperSettings;
  readonly store: IdentityStore;
  readonly key: { readonly private: KeyObject; readonly fingerprint: string } | undefined;
  readonly verifier: HbaVerifier;
  readonly control: AddressControl;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly findModifier: FindModifier;
  /** All addresses of this host, as they are now. */
  readonly addresses: () => readonly HostAddress[];
  /** Prefixes of the configuration that can be had now. */
  readonly configured: () => readonly ConfiguredPrefix[];
  /** May addresses on this interface be locators at all; in this prefix? */
  readonly admits: (interfaceName: string, prefix?: Prefix) => boolean;
  /** ULIDs of ours that contexts use, and addresses that sockets are bound to. */
  readonly inUse: () => Iterable<Address>;
  readonly bound: () => ReadonlySet<Address>;
  readonly note: (level: 'info' | 'warn' | 'error', name: string, detail: NoteDetail) => void;
}
export type NoteDetail = Readonly<Record<string, string | number | boolean>>;

/** Changes are gathered for so long, milliseconds: prefixes come in one advertisement after the other. */
const SETTLE = 300;
/** How often unused identities are looked for, and lifetimes compared. */
const ROUND = 60_000;
/** A prefix that was here so long ago still goes into a new set. */
const RECENT = 3_600_000;
/** Lifetimes that differ by less are the same. */
const SLACK = 5_000;
/** Addresses with sockets outlive the daemon by so many seconds. */
const AFTERLIFE = 3_600;
/** A prefix in which three addresses were taken is left alone for so long, milliseconds. */
const GIVEN_UP = 3_600_000;

/**
 * Keeps this host's addresses: makes an identity for the prefixes there are, puts its addresses on the interfaces, makes
 * another when a prefix comes or an address is taken, and takes the old ones away once nobody uses them.
 */
export class IdentityKeeper {
  readonly #o: KeeperOptions;
  readonly #table = new PrefixTable();
  #identities: Identity[] = [];
  #plan: Plan | undefined;
  readonly #lately = new Map<Address, { readonly prefix: Prefix; readonly at: Millis }>();
  readonly #taken = new Set<Address>();
  readonly #givenUp = new Map<Address, Millis>();
  #preferred = '';
  #timer: Timer | undefined;
  #work: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: KeeperOptions) {
    this.#o = options;
  }

  /**
   * What earlier runs made can be proven from now on.
   * @throws RehomeError REHOME_E_STATE when the state is damaged
   */
  load(): void {
    const { store, key, verifier, note } = this.#o;
    for (const record of store.records()) {
      if (record.key !== undefined && record.key !== key?.fingerprint) {
        note('warn', 'identity-left-out', { kind: record.kind, why: 'made with another key' });
        continue;
      }
      const identity = realize(record, key?.private);
      verifier.add(identity.local);
      this.#identities.push(identity);
    }
  }

  /** Begins to keep; resolves when the addresses that can be had now have been asked for. */
  async start(): Promise<void> {
    this.#solicit();
    await this.#reconcile();
    this.#later();
  }

  addressesChanged(): void {
    this.#soon();
  }

  prefixAdvertised(advertised: AdvertisedPrefix): void {
    if (this.#table.advertise(advertised, this.#o.clock.now())) this.#soon();
  }

  get identities(): readonly Identity[] {
    return this.#identities;
  }
  isCurrent(identity: Identity): boolean {
    return this.#plan?.current.has(identity) ?? false;
  }

  /** Somebody else on the link has it. */
  isTaken(address: Address): boolean {
    return this.#taken.has(address);
  }

  /** Takes back what it did; an address with sockets stays for an hour, deprecated, so that they may end in peace. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#work;
    const { control, bound } = this.#o;
    const sockets = bound();
    for (const { address, ifindex } of control.ours()) {
      if (!sockets.has(address)) control.remove(address, ifindex);
      else control.put({ address, ifindex, preferredSeconds: 0, validSeconds: AFTERLIFE });
    }
    control.prefer([], []);
  }

  #soon(): void {
    if (!this.#stopped) this.#arm(SETTLE);
  }

  /** Unless something that happened meanwhile wants it sooner. */
  #later(): void {
    if (!this.#stopped && this.#timer === undefined) this.#arm(ROUND);
  }

  #arm(delay: number): void {
    const { clock } = this.#o;
    this.#timer?.cancel();
    this.#timer = clock.at(addMs(clock.now(), delay), () => {
      this.#timer = undefined;
      void this.#reconcile().finally(() => this.#later());
    });
  }

  /** One at a time: what changes meanwhile is looked at afterwards. */
  #reconcile(): Promise<void> {
    this.#again = true;
    this.#work ??= this.#loop().finally(() => (this.#work = undefined));
    return this.#work;
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#once();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#o.note('error', 'identity-failed', { message });
      }
    }
  }

  async #once(): Promise<void> {
    this.#collisions();
    let next = this.#makePlan();
    if (next.make.length > 0) {
      for (const prefixes of next.make) await this.#make(prefixes);
      if (this.#stopped) return;
      next = this.#makePlan();
    }
    this.#plan = next;
    this.#apply(next);
    this.#retire(next.obsolete);
  }

  #makePlan(): Plan {
    const { clock, settings, key, inUse, bound, admits } = this.#o;
    const now = clock.now();
    const prefixes = this.#seen().filter(
      (p) => admits(p.interfaceName, p.prefix) && !this.#isGivenUp(p.prefix, now),
    );
    for (const { prefix, preferredUntil } of prefixes) {
      if (preferredUntil > now) this.#lately.set(prefix.address, { prefix, at: now });
      else this.#lately.delete(prefix.address);
    }
    for (const [address, { at }] of this.#lately) {
      if (addMs(at, RECENT) < now) this.#lately.delete(address);
    }
    const used = new Set<Address>([...inUse(), ...bound()]);
    return plan({
      kind: settings.kind,
      sec: settings.sec,
      key: settings.kind === 'hba' ? undefined : key?.fingerprint,
      now,
      prefixes,
      recent: [...this.#lately.values()].map((l) => l.prefix),
      identities: this.#identities,
      inUse: (identity) => identity.addresses.some((a) => used.has(a.address)),
      taken: this.#taken,
    });
  }

  #seen(): SeenPrefix[] {
    const { addresses, configured, clock } = this.#o;
    return this.#table.seen(addresses(), configured(), clock.now());
  }

  #isGivenUp(prefix: Prefix, now: Millis): boolean {
    const end = this.#givenUp.get(prefix.address);
    if (end === undefined) return false;
    if (end > now) return true;
    this.#givenUp.delete(prefix.address);
    return false;
  }

  async #make(prefixes: readonly Prefix[]): Promise<void> {
    const { settings, key, random, findModifier } = this.#o;
    const { record, hashes } = await makeIdentity(
      { kind: settings.kind, sec: settings.sec, prefixes, key, modifier: randomModifier(random) },
      random,
      findModifier,
    );
    this.#adopt(record, { hashes });
  }

  /** On disk first: an address whose proof is lost could never be proven again. */
  #adopt(record: IdentityRecord, detail: NoteDetail): void {
    const { store, key, verifier, note } = this.#o;
    const identity = realize(record, key?.private);
    store.save([...this.#identities.map((i) => i.record), record]);
    verifier.add(identity.local);
    this.#identities.push(identity);
    const addresses = identity.addresses.map((a) => a.address).join(' ');
    note('info', 'identity-made', { kind: record.kind, sec: record.sec, addresses, ...detail });
  }

  /** RFC 3972 §4 step 8, RFC 5535 §6 step 6.4: once more with the next collision count; after three, nevermore. */
  #collisions(): void {
    for (const { address, ifindex, interfaceName, dad, ours } of this.#o.addresses()) {
      if (!ours || dad !== 'failed' || this.#taken.has(address)) continue;
      this.#taken.add(address);
      this.#o.control.remove(address, ifindex);
      const identity = this.#identities.find((i) => i.addresses.some((a) => a.address === address));
      if (identity === undefined) continue;
      const { record } = identity;
      // The set was made anew already, because of another of its addresses.
      if (this.#identities.some((i) => isAfter(i.record, record))) continue;
      const detail = { address, interface: interfaceName, collisionCount: record.collisionCount };
      if (record.collisionCount >= MAX_COLLISION_COUNT) {
        const prefix = maskAddress(address, 64);
        this.#givenUp.set(prefix, addMs(this.#o.clock.now(), GIVEN_UP));
        this.#o.note('error', 'address-collisions', {
          ...detail,
          remedy: `three addresses in ${prefix}/64 are taken: somebody answers for all, or two hosts share their state directory`,
        });
        continue;
      }
      this.#o.note('warn', 'address-collision', detail);
      this.#adopt(
        {
          ...record,
          collisionCount: record.collisionCount + 1,
          createdAt: new Date().toISOString(),
        },
        {},
      );
    }
  }

  #apply({ addresses, current }: Plan): void {
    const { control } = this.#o;
    const wanted = new Map(addresses.map((a) => [`${a.ifindex} ${a.address}`, a]));
    const present = this.#o.addresses().filter((a) => a.ours);
    for (const a of present) {
      if (!wanted.has(`${a.ifindex} ${a.address}`)) control.remove(a.address, a.ifindex);
    }
    const now = this.#o.clock.now();
    for (const [key, want] of wanted) {
      const have = present.find((a) => `${a.ifindex} ${a.address}` === key);
      if (have === undefined) this.#put(want, undefined, now);
      else if (have.dad === 'valid' && differs(want, have)) this.#put(want, have, now);
    }
    this.#prefer(current, addresses);
  }

  /**
   * Without end until DAD is over: the kernel deletes an address with a lifetime when DAD fails, and says nothing.
   */
  #put(want: WantedAddress, have: HostAddress | undefined, now: Millis): void {
    const { address, ifindex } = want;
    const left = (until: Millis): number =>
      until === Infinity ? FOREVER_SECONDS : Math.max(0, Math.floor((until - now) / 1000));
    const deprecated = want.preferredUntil <= now;
    const fresh = have === undefined;
    this.#o.control.put({
      address,
      ifindex,
      preferredSeconds: deprecated ? 0 : fresh ? FOREVER_SECONDS : left(want.preferredUntil),
      validSeconds: fresh ? FOREVER_SECONDS : left(want.validUntil),
    });
  }

  #prefer(current: ReadonlySet<Identity>, wanted: readonly WantedAddress[]): void {
    if (!this.#o.settings.prefer) return;
    const chosen = wanted.filter((a) => a.current);
    const addresses = chosen.map((a) => a.address);
    const prefixes = new Map(
      [...current].flatMap((i) => i.addresses).map((a) => [a.prefix.address, a.prefix]),
    );
    const key = JSON.stringify([addresses, [...prefixes.keys()]]);
    if (key === this.#preferred) return;
    this.#o.control.prefer(addresses, [...prefixes.values()]);
    this.#preferred = key;
  }

  #retire(obsolete: readonly Identity[]): void {
    if (obsolete.length === 0) return;
    const { store, verifier, note } = this.#o;
    this.#identities = this.#identities.filter((i) => !obsolete.includes(i));
    store.save(this.#identities.map((i) => i.record));
    for (const identity of obsolete) {
      verifier.remove(identity.local);
      const addresses = identity.addresses.map((a) => a.address).join(' ');
      note('info', 'identity-retired', { kind: identity.record.kind, addresses });
    }
  }

  /** Where the kernel makes no addresses itself, nothing tells of prefixes that were advertised before we came. */
  #solicit(): void {
    const { control, admits } = this.#o;
    const known = new Set(this.#seen().map((p) => p.ifindex));
    for (const { index, name } of control.interfaces()) {
      if (!known.has(index) && admits(name)) control.solicit(index);
    }
  }
}

/** The same identity, made anew after a collision. */
const isAfter = (one: IdentityRecord, other: IdentityRecord): boolean =>
  Buffer.compare(one.modifier, other.modifier) === 0 && one.collisionCount > other.collisionCount;

function differs(want: WantedAddress, have: HostAddress): boolean {
  const same = (a: Millis, b: Millis): boolean => a === b || Math.abs(a - b) < SLACK;
  if (!same(want.validUntil, have.validUntil)) return true;
  return want.preferredUntil === 0
    ? !have.deprecated
    : !same(want.preferredUntil, have.preferredUntil);
}
