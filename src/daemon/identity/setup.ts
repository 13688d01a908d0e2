import { HbaVerifier } from '../../identity/hba-verifier.js';
import type { Address } from '../../wire/address.js';
import { prefixContains, type Prefix } from '../../wire/prefix.js';
import { hasLocators, type DaemonConfig } from '../config.js';
import { findModifier } from '../hash2-pool.js';
import type { AddressControl, AddressWatch, World } from '../world.js';
import { IdentityKeeper, type KeeperOptions } from './keeper.js';
import type { ConfiguredPrefix } from './prefixes.js';
import { fingerprint } from './record.js';
import { IdentityStore } from './store.js';

export interface KeeperParts {
  readonly world: World;
  readonly config: DaemonConfig;
  readonly watch: AddressWatch;
  readonly control: AddressControl;
  /** ULIDs of ours that contexts use. */
  readonly inUse: () => Iterable<Address>;
  /** Prefixes that SAM zones delegate to this host and that leave room for a hash, at their interface. */
  readonly delegated: () => readonly ConfiguredPrefix[];
  readonly note: KeeperOptions['note'];
  /** Ends a search that is under way. */
  readonly signal: AbortSignal;
}

/**
 * The verifier with what earlier runs made, and who keeps the addresses from now on.
 * @throws RehomeError REHOME_E_STATE, REHOME_E_PRIVATE_KEY
 */
export function openIdentity(parts: KeeperParts): {
  verifier: HbaVerifier;
  keeper: IdentityKeeper;
} {
  const { world, watch, control, inUse, note, signal } = parts;
  const { kind, sec, prefer, key: file, stateDirectory } = parts.config.addresses;
  const store = new IdentityStore(stateDirectory);
  const key = kind === 'hba' && file === undefined ? undefined : store.key(file);
  const verifier = new HbaVerifier();
  const keeper = new IdentityKeeper({
    settings: { kind, sec, prefer },
    store,
    key: key && { private: key, fingerprint: fingerprint(key) },
    verifier,
    control,
    clock: world.clock,
    random: world.random,
    findModifier: (task, from) => findModifier(task, from, { signal }),
    addresses: () => watch.current(),
    configured: withDelegated(configuredPrefixes(parts), parts.delegated),
    admits: (name, prefix) => mayHold(parts.config, name, prefix),
    inUse,
    bound: () => world.boundAddresses(),
    note,
  });
  keeper.load();
  return { verifier, keeper };
}

const withDelegated =
  (configured: () => ConfiguredPrefix[], delegated: KeeperParts['delegated']) =>
  (): ConfiguredPrefix[] => [...configured(), ...delegated()];

/** The filters of the configuration, for a prefix instead of an address. */
function mayHold(config: DaemonConfig, interfaceName: string, prefix: Prefix | undefined): boolean {
  const { interfaces, prefixes } = config;
  if (!hasLocators(config)) return false;
  if (interfaces.length > 0 && !interfaces.includes(interfaceName)) return false;
  if (prefix === undefined || prefixes.length === 0) return true;
  return prefixes.some((p) => p.length <= prefix.length && prefixContains(p, prefix.address));
}

/** The prefixes of the configuration whose interface is there now; an interface that is not is reported once. */
function configuredPrefixes({ config, control, note }: KeeperParts): () => ConfiguredPrefix[] {
  const reported = new Set<string>();
  return () => {
    const wanted = config.addresses.prefixes;
    const interfaces = wanted.length === 0 ? [] : control.interfaces();
    return wanted.flatMap(({ prefix, interface: name }) => {
      const found = interfaces.find((i) => i.name === name);
      if (found !== undefined) return [{ prefix, ifindex: found.index, interfaceName: name }];
      if (!reported.has(name)) note('warn', 'interface-missing', { interface: name });
      reported.add(name);
      return [];
    });
  };
}
