import type { DataPath } from '../dataplane/datapath.js';
import type { LocalLocator } from '../engine/types.js';
import type { LocatorPair } from '../wire/address.js';
import type { RandomSource } from '../wire/units.js';
import type { Clock } from './clock.js';
import type { DaemonConfig } from './config.js';
import type { HostAddress } from './locators.js';

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

/** What the daemon needs of the system around it: Linux (`linux-world.ts`), or memory in tests. */
export interface World {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** @throws RehomeError that names what is missing (privileges, kernel features). */
  check(): void;
  /** Makes sure that this is the only daemon here; returns the undo. @throws RehomeError REHOME_E_RUNNING. */
  lock(): () => void;
  watchAddresses(onChange: (addresses: readonly HostAddress[]) => void): AddressWatch;
  /** Pairs of addresses with a connected socket (RFC 5533 §9). */
  connectedPairs(): readonly LocatorPair[];
  /** Also removes what a crashed predecessor left behind. */
  openDataPath(config: DaemonConfig, onError: (error: unknown) => void): OpenedDataPath;
  /** Group id by name. @throws RehomeError REHOME_E_GROUP. */
  groupId(name: string): number;
}
