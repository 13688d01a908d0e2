import type { LocalLocator } from '../engine/types.js';
import { isUsableLocator, type Address } from '../wire/address.js';
import type { Millis } from '../wire/units.js';
import { longestMatch, usesAddress, type DaemonConfig } from './config.js';

/** An address of this host, as the system has it now. */
export interface HostAddress {
  readonly address: Address;
  readonly ifindex: number;
  readonly interfaceName: string;
  readonly prefixLength: number;
  /** Duplicate Address Detection: passed, under way, or somebody else has it. */
  readonly dad: 'valid' | 'tentative' | 'failed';
  /** Past its preferred lifetime. */
  readonly deprecated: boolean;
  /** RFC 5534 §3.2: link up, router reachable. */
  readonly operational: boolean;
  /** When its lifetimes end, in the daemon's time; Infinity: never. */
  readonly preferredUntil: Millis;
  readonly validUntil: Millis;
  /** rehome itself added it. */
  readonly ours: boolean;
}

/** The addresses that the configuration lets us use, with its preferences (RFC 5533 §5.15.3), in a stable order. */
export function chooseLocators(
  config: Pick<DaemonConfig, 'interfaces' | 'prefixes' | 'locators'>,
  addresses: readonly HostAddress[],
): LocalLocator[] {
  const chosen = new Map<Address, LocalLocator>();
  for (const a of addresses) {
    if (
      a.dad !== 'valid' ||
      !isUsableLocator(a.address) ||
      !usesAddress(config, a.address, a.interfaceName)
    )
      continue;
    const rule = longestMatch(config.locators, a.address);
    chosen.set(a.address, {
      address: a.address,
      ifindex: a.ifindex,
      interfaceName: a.interfaceName,
      deprecated: a.deprecated,
      operational: a.operational,
      priority: rule?.priority ?? 0,
      weight: rule?.weight ?? 0,
      transient: rule?.transient ?? false,
    });
  }
  return [...chosen.values()].sort((x, y) => (x.address < y.address ? -1 : 1));
}
