import { isLinkLocal } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { formatPrefix } from '../wire/prefix.js';
import { FORMAT, SAM } from './constants.js';
import { constantText, decodeSubnet } from './local.js';
import { required } from './result.js';
import { isGlobal } from './route.js';
import type { SamConfig, SamInterface, SamZone } from './types.js';

const wrong = (what: string, value: unknown): never => {
  throw new RehomeError('REHOME_E_SAM_CONFIG', what, value);
};

/**
 * What would make an engine that cannot work.
 * @throws RehomeError REHOME_E_SAM_CONFIG, or the code of what is wrong with a subnet prefix
 */
export function checkConfig(config: SamConfig): void {
  const zones = new Set<string>();
  const interfaces = new Set<number>();
  let gateways = 0;
  for (const zone of config.zones) {
    if (zones.has(zone.name)) wrong(`zone ${zone.name} is there twice`, zone.name);
    zones.add(zone.name);
    if (zone.role === 'gateway' && ++gateways > 1) {
      // An infix designates a child in one zone: two could not be told apart.
      wrong('a node is a gateway of one zone at most', zone.name);
    }
    if (zone.interfaces.length === 0) wrong(`zone ${zone.name} has no interface`, zone.name);
    for (const link of zone.interfaces) {
      if (interfaces.has(link.index)) {
        wrong(`${link.name} is in two zones; a link belongs to one`, link.name);
      }
      interfaces.add(link.index);
      checkInterface(link);
    }
    checkConstants(zone);
  }
  for (const { prefix } of config.providers) {
    if (!isGlobal(prefix.address)) {
      wrong(`${formatPrefix(prefix)} is no global prefix; a provider gives one`, prefix);
    }
    if (prefix.length < SAM.minPrefixLength) {
      const least = SAM.minPrefixLength;
      wrong(
        `${formatPrefix(prefix)} is too short; no child believes less than a /${least}`,
        prefix,
      );
    }
  }
}

/** A local address is found from a global one by the zone's constant prefix (§3.2.1): there can be only one. */
function checkConstants({ name, interfaces }: SamZone): void {
  const constants = interfaces.flatMap(({ subnet }) => (subnet && constantText(subnet)) ?? []);
  const other = constants.find((c) => c !== constants[0]);
  if (other === undefined) return;
  wrong(
    `zone ${name} has subnets of ${constants[0]} and of ${other}; take one constant prefix`,
    name,
  );
}

function checkInterface({ name, linkLocal, mtu, subnet, octets, infix }: SamInterface): void {
  if (!isLinkLocal(linkLocal)) wrong(`${name}: ${linkLocal} is no link-local address`, linkLocal);
  if (!Number.isInteger(mtu) || mtu < 1_280) {
    wrong(`${name}: an MTU of ${mtu}; IPv6 needs 1280`, mtu);
  }
  if (subnet !== undefined) {
    if (subnet.length !== FORMAT.subnetPrefixLength) {
      wrong(`${name}: ${formatPrefix(subnet)} is no subnet prefix; it has to be a /64`, subnet);
    }
    const parts = required(decodeSubnet(subnet.address), formatPrefix(subnet));
    if (octets === 0 && parts.subnet.length === 0) {
      wrong(
        `${name}: ${formatPrefix(subnet)} has no subnet infix, so the IID needs one of 1 to 7 octets`,
        octets,
      );
    }
  }
  if (octets !== undefined && (!Number.isInteger(octets) || octets < 0 || octets > 7)) {
    wrong(`${name}: an IID infix of ${octets} octets; 0 to 7 are possible`, octets);
  }
  if (infix === undefined) return;
  if (octets === undefined) wrong(`${name}: an infix needs its length in octets`, infix);
  if (infix < 0n || infix >= 1n << BigInt(8 * (octets ?? 0))) {
    wrong(`${name}: 0x${infix.toString(16)} does not fit in ${octets} octets`, infix);
  }
}
