import type { InterfaceAddress } from '../../linux/netlink/address.js';
import { isLinkUp, type Link } from '../../linux/netlink/link.js';
import type { SamInterface, SamZone } from '../../sam/types.js';
import { isLinkLocal } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { SAM } from '../../sam/constants.js';
import type { SamDaemonConfig, SamLinkConfig } from '../config/sam.js';

/** An outer header. */
export const OVERHEAD = 40;
/** A link of a zone has to carry an inner packet of 1280 octets (docs/decisions/sam-encapsulation.md). */
export const MIN_LINK_MTU = SAM.minMtu + OVERHEAD;
const ETHERNET_ADDRESS = 6;

/** Why an interface is not in its zone, for people; undefined: it is. */
export type LinkTrouble = 'absent' | 'down' | 'no-link-local' | 'mtu-too-small' | 'not-ethernet';

/** The configured interfaces as the system has them now. */
export interface LinksNow {
  readonly zones: readonly SamZone[];
  /** What the device may carry. */
  readonly deviceMtu: number;
  readonly troubles: ReadonlyMap<string, LinkTrouble>;
}

/** @throws RehomeError when an interface can never be in a zone: there is none, it is no Ethernet, its MTU is too small. */
export function refuseLinks(config: SamDaemonConfig, links: readonly Link[]): void {
  refuseInterfaces(
    [...config.links, ...config.providers].map((l) => l.interface),
    links,
  );
  for (const { interface: name } of config.links) {
    const mtu = links.find((l) => l.name === name)?.mtu ?? 0;
    if (mtu >= MIN_LINK_MTU) continue;
    throw new RehomeError(
      'REHOME_E_SAM_MTU',
      `${name} has an MTU of ${mtu}: links of a zone carry at least ${MIN_LINK_MTU} octets (1280, and 40 for the outer header)`,
      mtu,
    );
  }
}

/** @throws RehomeError REHOME_E_NO_LINK, REHOME_E_SAM_NOT_ETHERNET when an interface can be neither a zone's nor a provider's */
export function refuseInterfaces(names: readonly string[], links: readonly Link[]): void {
  for (const name of names) {
    const link = links.find((l) => l.name === name);
    if (link === undefined) {
      const there = links.map((l) => l.name).join(', ');
      throw new RehomeError(
        'REHOME_E_NO_LINK',
        `[sam] names ${name}: there is no such network interface; make it first, or write one of ${there}`,
        name,
      );
    }
    if (link.mac.length !== ETHERNET_ADDRESS) {
      throw new RehomeError('REHOME_E_SAM_NOT_ETHERNET', `${name} cannot be a SAM link: the kernel programs need Ethernet`, name); // prettier-ignore
    }
  }
}

/**
 * What of the configuration can work right now.
 * @param remembered the infix that an interface had last
 */
export function linksNow(
  config: SamDaemonConfig,
  links: readonly Link[],
  addresses: readonly InterfaceAddress[],
  remembered: (name: string) => SamInterface['remembered'],
): LinksNow {
  const troubles = new Map<string, LinkTrouble>();
  const zones = new Map<string, { role: SamZone['role']; interfaces: SamInterface[] }>();
  let deviceMtu = Infinity;
  for (const wanted of config.links) {
    const link = links.find((l) => l.name === wanted.interface);
    const own = addresses.find(
      (a) => a.index === link?.index && isLinkLocal(a.address) && !a.tentative && !a.dadFailed,
    );
    const trouble = troubleOf(link, own);
    if (trouble !== undefined) troubles.set(wanted.interface, trouble);
    if (trouble !== undefined || link === undefined || own === undefined) continue;
    deviceMtu = Math.min(deviceMtu, link.mtu - OVERHEAD);
    const zone = zones.get(wanted.zone) ?? { role: wanted.position, interfaces: [] };
    zone.interfaces.push(interfaceOf(wanted, link, own, remembered(wanted.interface)));
    zones.set(wanted.zone, zone);
  }
  return {
    zones: [...zones].map(([name, { role, interfaces }]) => ({ name, role, interfaces })),
    deviceMtu: deviceMtu === Infinity ? SAM.minMtu : deviceMtu,
    troubles,
  };
}

function troubleOf(
  link: Link | undefined,
  own: InterfaceAddress | undefined,
): LinkTrouble | undefined {
  if (link === undefined) return 'absent';
  if (link.mac.length !== ETHERNET_ADDRESS) return 'not-ethernet';
  if (!isLinkUp(link)) return 'down';
  if (link.mtu < MIN_LINK_MTU) return 'mtu-too-small';
  return own === undefined ? 'no-link-local' : undefined;
}

const interfaceOf = (
  wanted: SamLinkConfig,
  link: Link,
  own: InterfaceAddress,
  remembered: SamInterface['remembered'],
): SamInterface => ({
  index: link.index,
  name: link.name,
  linkLocal: own.address,
  linkLayer: link.mac,
  mtu: link.mtu,
  ...(wanted.subnet === undefined ? {} : { subnet: wanted.subnet }),
  ...(wanted.infix === undefined ? {} : { infix: wanted.infix.value, octets: wanted.infix.octets }),
  ...(remembered === undefined ? {} : { remembered }),
  trusted: wanted.trusted,
});
