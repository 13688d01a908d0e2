import type { DataPath } from '../dataplane/datapath.js';
import type { LocalLocator } from '../engine/types.js';
import type { GlobalAddress, SamEvent } from '../sam/types.js';
import type { SamTable } from '../sam/table.js';
import type { SamView } from '../sam/view.js';
import type { Address, LocatorPair } from '../wire/address.js';
import type { Prefix } from '../wire/prefix.js';
import type { RandomSource } from '../wire/units.js';
import type { Clock } from './clock.js';
import type { DaemonConfig } from './config.js';
import type { ExitConfig } from './exit/config.js';
import type { ExitHooks, ExitRouter } from './exit/router.js';
import type { SamDaemonConfig } from './config/sam.js';
import type { AdvertisedPrefix } from './identity/prefixes.js';
import type { HostAddress } from './locators.js';
import type { InfixMemory } from './sam/infix-memory.js';

/** A data path, and what the daemon must tell it besides bindings. */
export interface OpenedDataPath {
  readonly dataPath: DataPath;
  /**
   * Makes the interfaces of these locators uplinks, and no others.
   * @returns the locators that it can serve; what is in the way of the others has been reported.
   */
  serve(locators: readonly LocalLocator[]): readonly LocalLocator[];
}

export interface AddressWatch {
  current(): readonly HostAddress[];
  close(): void;
}

/** An interface that addresses may be put on. */
export interface HostInterface {
  readonly name: string;
  readonly index: number;
}

/** Which addresses this host has and prefers; everything that is done here can be seen in `AddressWatch`. */
export interface AddressControl {
  /** Adds the address, or changes its lifetimes, in seconds (`FOREVER_SECONDS`: no end). New ones go through DAD. */
  put(a: {
    readonly address: Address;
    readonly ifindex: number;
    readonly preferredSeconds: number;
    readonly validSeconds: number;
  }): void;
  remove(address: Address, ifindex: number): void;
  /** Those that were put and are still there, read anew. */
  ours(): readonly { readonly address: Address; readonly ifindex: number }[];
  /**
   * New connections leave from these addresses rather than from others of these prefixes; replaces what was preferred
   * before. Empty lists undo everything, also what a crashed predecessor did.
   */
  prefer(addresses: readonly Address[], prefixes: readonly Prefix[]): void;
  /** Asks the routers of a link for an advertisement (RFC 4861 §6.3.7). */
  solicit(ifindex: number): void;
  /** Interfaces that are up and lead somewhere. */
  interfaces(): readonly HostInterface[];
  close(): void;
}

/** A SAM node that runs. */
export interface OpenedSam {
  /** The interface that has the global addresses. */
  readonly device: HostInterface;
  readonly table: SamTable;
  /** Interfaces of zones that cannot be used now, and why. */
  readonly troubles: ReadonlyMap<string, string>;
  /** Elements in the maps of the kernel programs. */
  readonly programState: number;
  /** What providers give from now on. */
  setProviders(providers: SamDaemonConfig['providers']): void;
  /** Whether Shim6 is to see what arrives at the device. */
  setWatched(watched: boolean): void;
  view(): SamView;
  addresses(): readonly GlobalAddress[];
  /** Local addresses of others in the zones that the system has heard of lately, by interface. */
  neighbours(): readonly { readonly interface: string; readonly local: Address; readonly reachable: boolean }[]; // prettier-ignore
  counters(): Readonly<Record<string, number>>;
  /** Undoes everything. Idempotent. */
  close(): void;
}

export interface SamHooks {
  /** Infixes of the last run, and of this one for the next. */
  readonly memory: InfixMemory;
  /** Delegated prefixes should leave room for HBA and CGA. */
  readonly provable: boolean;
  readonly onEvent: (event: SamEvent) => void;
  readonly onError: (error: unknown, during: string) => void;
}

/** RFC 4861 §4.6.2: a lifetime without end. */
export const FOREVER_SECONDS = 0xffffffff;

/** What the daemon needs of the system around it: Linux (`linux-world.ts`), or memory in tests. */
export interface World {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** @throws RehomeError that names what is missing (privileges, kernel features). */
  check(): void;
  /** Makes sure that this is the only daemon here; returns the undo. @throws RehomeError REHOME_E_RUNNING. */
  lock(): () => void;
  watchAddresses(
    onChange: (addresses: readonly HostAddress[]) => void,
    onPrefix: (advertised: AdvertisedPrefix) => void,
  ): AddressWatch;
  controlAddresses(): AddressControl;
  /** Addresses that a socket is bound to. */
  boundAddresses(): ReadonlySet<Address>;
  /** Pairs of addresses with a connected socket (RFC 5533 §9). */
  connectedPairs(): readonly LocatorPair[];
  /** Also removes what a crashed predecessor left behind. */
  openDataPath(config: DaemonConfig, onError: (error: unknown) => void): OpenedDataPath;
  /**
   * Removes what a crashed predecessor left of an exit router and, unless undefined, becomes one.
   * @throws RehomeError REHOME_E_DEVICE_TAKEN, REHOME_E_SYSCALL
   */
  openExit(config: ExitConfig | undefined, hooks: ExitHooks): ExitRouter | undefined;
  /** Also removes what a crashed predecessor left behind. @throws RehomeError REHOME_E_SAM_..., REHOME_E_NO_LINK, REHOME_E_DEVICE_TAKEN */
  openSam(config: SamDaemonConfig, hooks: SamHooks): OpenedSam;
  /** Removes what a crashed predecessor left of SAM where there is none any more. @throws NetlinkError */
  cleanUpSam(): void;
  /** Group id by name. @throws RehomeError REHOME_E_GROUP. */
  groupId(name: string): number;
}
