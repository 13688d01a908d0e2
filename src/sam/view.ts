import type { Address } from '../wire/address.js';
import { formatPrefix } from '../wire/prefix.js';
import type { Millis } from '../wire/units.js';
import type { Parameter } from './derive.js';
import type { GlobalAddress, ProviderPrefix } from './types.js';
import type { Zone } from './zone.js';

/** What `rehome sam zone --json` shows. Seconds from now; null: for ever. */
export interface SamView {
  readonly zones: readonly ZoneView[];
  readonly providers: readonly { readonly prefix: string; readonly validSeconds: number | null }[];
  readonly addresses: readonly {
    readonly address: Address;
    readonly delegated: string;
    /** Our local address that it belongs to; null: a provider's prefix itself. */
    readonly local: Address | null;
    readonly zone: string;
    readonly parents: readonly Address[];
    readonly deprecated: boolean;
    readonly provable: boolean;
    readonly validSeconds: number | null;
  }[];
}
export interface ZoneView {
  readonly name: string;
  readonly role: 'child' | 'gateway';
  readonly constant: string | null;
  readonly links: readonly {
    readonly name: string;
    readonly local: Address | null;
    /** `assigned` when `local` is ours; otherwise how far the search is. */
    readonly state: string;
    readonly advertising: boolean;
  }[];
  readonly parents: readonly {
    readonly local: Address;
    readonly ours: boolean;
    readonly prefixes: readonly {
      readonly prefix: string;
      readonly validSeconds: number | null;
      readonly deprecated: boolean;
      /** Routers between the parent and us; null: the parent is ours. */
      readonly hopCount: number | null;
    }[];
  }[];
}

export function viewOf(
  zones: readonly Zone[],
  own: readonly Parameter[],
  addresses: readonly GlobalAddress[],
  providers: readonly ProviderPrefix[],
  now: Millis,
): SamView {
  const seconds = (t: Millis | undefined): number | null =>
    t === undefined || t === Infinity ? null : Math.max(0, Math.round((t - now) / 1_000));
  return {
    zones: zones.map((zone) => zoneView(zone, own, now, seconds)),
    providers: providers.map((p) => ({
      prefix: formatPrefix(p.prefix),
      validSeconds: seconds(p.validUntil),
    })),
    addresses: addresses.map((a) => ({
      address: a.address,
      delegated: formatPrefix(a.delegated),
      local: a.local ?? null,
      zone: a.zone,
      parents: a.parents,
      deprecated: a.deprecated,
      provable: a.provable,
      validSeconds: seconds(a.validUntil),
    })),
  };
}

function zoneView(
  zone: Zone,
  own: readonly Parameter[],
  now: Millis,
  seconds: (t: Millis | undefined) => number | null,
): ZoneView {
  const live = zone.parameters.live();
  const all: readonly (Parameter & { readonly hopCount?: number })[] = [
    ...(zone.isGateway ? own : []),
    ...live,
  ];
  const parents = [...new Set(all.map((p) => p.parent))];
  return {
    name: zone.name,
    role: zone.config.role,
    constant: zone.constant === undefined ? null : formatPrefix(zone.constant),
    links: zone.links.map((l) => ({
      name: l.interface.name,
      local: l.local ?? null,
      state: l.state,
      advertising: l.advertiser !== undefined,
    })),
    parents: parents.map((local) => ({
      local,
      ours: all.some((p) => p.parent === local && p.hopCount === undefined),
      prefixes: all
        .filter((p) => p.parent === local)
        .map((p) => ({
          prefix: formatPrefix(p.prefix),
          validSeconds: seconds(p.validUntil),
          deprecated: p.preferredUntil <= now,
          hopCount: p.hopCount ?? null,
        })),
    })),
  };
}
