import type { Address } from '../../wire/address.js';
import type { UplinkConfig } from './config.js';

/** What is seen of one interface and of the default route that leads out by it. */
export interface InterfaceFacts {
  readonly ifindex: number;
  /** Administratively up, with carrier. */
  readonly up: boolean;
  /** The main table's best default route by this interface; a gateway of undefined: a point-to-point link. */
  readonly defaultRoute: { readonly gateway: Address | undefined } | undefined;
}

export type UplinkState =
  'up' | 'no-interface' | 'link-down' | 'no-default-route' | 'next-hop-silent';

/** Where an uplink's packets would go, and whether they may. */
export interface UplinkStatus {
  readonly state: UplinkState;
  /** 0: there is no such interface. */
  readonly ifindex: number;
  readonly nextHop: Address | undefined;
}

/**
 * The state of an uplink. Who has not been asked yet is believed to be there.
 * @param silent whether this next hop has been found not to answer (RFC 4861 §7.3)
 */
export function uplinkStatus(
  config: Pick<UplinkConfig, 'nextHop'>,
  facts: InterfaceFacts | undefined,
  silent: (nextHop: Address, ifindex: number) => boolean,
): UplinkStatus {
  if (facts === undefined) {
    return { state: 'no-interface', ifindex: 0, nextHop: config.nextHop };
  }
  const { ifindex } = facts;
  const nextHop = config.nextHop ?? facts.defaultRoute?.gateway;
  const is = (state: UplinkState): UplinkStatus => ({ state, ifindex, nextHop });
  if (!facts.up) return is('link-down');
  if (config.nextHop === undefined && facts.defaultRoute === undefined) {
    return is('no-default-route');
  }
  if (nextHop !== undefined && silent(nextHop, ifindex)) return is('next-hop-silent');
  return is('up');
}
