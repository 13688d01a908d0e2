import { MAX_SET_PREFIXES } from '../../identity/hba.js';
import type { Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import { ms, type Millis } from '../../wire/units.js';
import type { SeenPrefix } from './prefixes.js';
import type { Identity, IdentityKind } from './record.js';

export interface PlanInput {
  readonly kind: IdentityKind;
  readonly sec: number;
  /** Fingerprint of the key that identities are made with; undefined for HBA-only sets. */
  readonly key: string | undefined;
  readonly now: Millis;
  readonly prefixes: readonly SeenPrefix[];
  /** Prefixes that were here lately: a new set has them too, so that a link that comes back needs no further one. */
  readonly recent: readonly Prefix[];
  /** Oldest first. */
  readonly identities: readonly Identity[];
  /** Does a context or a socket use one of its addresses? */
  readonly inUse: (identity: Identity) => boolean;
  /** Addresses that somebody else on the link has. */
  readonly taken: ReadonlySet<Address>;
}

/** An address that the host is to have. */
export interface WantedAddress {
  readonly address: Address;
  readonly prefix: Prefix;
  readonly ifindex: number;
  /** 0: deprecated. */
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
  readonly current: boolean;
}

export interface Plan {
  /** The prefixes of identities that are missing. */
  readonly make: readonly (readonly Prefix[])[];
  /** Those that new sessions are to use. */
  readonly current: ReadonlySet<Identity>;
  /** Those that nobody uses any more. */
  readonly obsolete: readonly Identity[];
  readonly addresses: readonly WantedAddress[];
}

const DEPRECATED = ms(0);

/**
 * What is to be, from what there is. A new prefix means a new set (RFC 5535 §8.1) or one more CGA; a prefix that goes
 * means neither: leaving it in the set does no harm (seed 004, section III-D). Sessions keep the identity that they
 * began with, as deprecated addresses, until the last of them is over.
 */
export function plan(input: PlanInput): Plan {
  const { prefixes, identities, now } = input;
  const usable = identities.filter((i) => fits(i, input));
  const wanted = prefixes
    .filter((p) => p.preferredUntil > now)
    .map((p) => p.prefix)
    .slice(0, MAX_SET_PREFIXES);
  const { make, current } =
    input.kind === 'cga' ? cgas(wanted, usable, input.recent) : sets(wanted, usable, input.recent);
  const obsolete = identities.filter((i) => !current.has(i) && !input.inUse(i));
  const kept = identities.filter((i) => !obsolete.includes(i));
  return {
    make,
    current,
    obsolete,
    addresses: kept.flatMap((i) => addressesOf(i, current, input)),
  };
}

const fits = ({ record }: Identity, input: PlanInput): boolean =>
  record.kind === input.kind && record.sec === input.sec && record.key === input.key;

interface Chosen {
  readonly make: readonly (readonly Prefix[])[];
  readonly current: ReadonlySet<Identity>;
}

/** The newest set that covers everything. Until a new one is made the newest there is goes on. */
function sets(
  wanted: readonly Prefix[],
  usable: readonly Identity[],
  recent: readonly Prefix[],
): Chosen {
  const covering = usable.filter((i) => wanted.every((p) => has(i, p)));
  const chosen = covering.at(-1);
  if (chosen !== undefined) return { make: [], current: new Set([chosen]) };
  const newest = usable.at(-1);
  const lately = recent.filter((p) => !wanted.some((w) => w.address === p.address));
  const all = [...wanted, ...lately].slice(0, MAX_SET_PREFIXES);
  return {
    make: wanted.length === 0 ? [] : [all],
    current: new Set(newest === undefined ? [] : [newest]),
  };
}

function cgas(
  wanted: readonly Prefix[],
  usable: readonly Identity[],
  recent: readonly Prefix[],
): Chosen {
  const newest = (prefix: Prefix): Identity | undefined =>
    usable.filter((i) => has(i, prefix)).at(-1);
  const current = [...wanted, ...recent].map(newest).filter((i) => i !== undefined);
  return {
    make: wanted.filter((prefix) => newest(prefix) === undefined).map((prefix) => [prefix]),
    current: new Set(current),
  };
}

const has = (identity: Identity, prefix: Prefix): boolean =>
  identity.record.prefixes.some((p) => p.address === prefix.address);

function addressesOf(
  identity: Identity,
  currents: ReadonlySet<Identity>,
  { prefixes, taken }: PlanInput,
): WantedAddress[] {
  const current = currents.has(identity);
  return identity.addresses.flatMap(({ address, prefix }) => {
    const seen = prefixes.find((p) => p.prefix.address === prefix.address);
    if (seen === undefined || taken.has(address)) return [];
    return [
      {
        address,
        prefix,
        ifindex: seen.ifindex,
        preferredUntil: current ? seen.preferredUntil : DEPRECATED,
        validUntil: seen.validUntil,
        current,
      },
    ];
  });
}
