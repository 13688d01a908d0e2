import type { Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import type { Millis } from '../../wire/units.js';

/** What happens to a packet that does not go out: `notify`: dropped, its sender told; `drop`: dropped. Both are counted. */
export type Refusing = 'notify' | 'drop';

/** One provider: what it has given us, and how it is reached. */
export interface UplinkConfig {
  readonly name: string;
  readonly interface: string;
  /** Undefined: that of the default route by this interface. */
  readonly nextHop: Address | undefined;
  readonly prefixes: readonly Prefix[];
}

/** `[exit]`: this host forwards for a site with several providers (seed 004 §II-A; RFC 8028 §3.2 is about its hosts). */
export interface ExitConfig {
  readonly uplinks: readonly UplinkConfig[];
  /** Interfaces with hosts behind them although an uplink is reached by them, too. */
  readonly inside: readonly string[];
  readonly unknownSource: Refusing;
  readonly uplinkDown: Refusing;
  /** How often a next hop is asked whether it is there. */
  readonly check: Millis;
}
