import { randomExtendedModifier } from '../../identity/hba.js';
import { randomModifier } from '../../identity/cga.js';
import { realize, type IdentityRecord } from '../../daemon/identity/record.js';
import { IdentityStore } from '../../daemon/identity/store.js';
import { Rtnetlink } from '../../linux/netlink/client.js';
import type { SeededRandom } from '../../sim/random.js';
import type { Address } from '../../wire/address.js';
import type { Lab } from '../lab.js';
import { HOSTS, uplinkPrefix, type Host, type Uplink } from '../paths.js';
import { hostInterface } from '../topology.js';

/** How many identities each host is to have. Each stands for a host of its own: its locators prove only each other. */
export type CrowdSize = Readonly<Record<Host, number>>;
/** Each member's addresses, by uplink. */
export type Crowd = Readonly<Record<Host, readonly (readonly Address[])[]>>;

/** RTPROT_STATIC: as the lab's own addresses. */
const STATIC = 4;

/**
 * Puts many HBA sets into the state directories of daemons that do not run yet, and their addresses on the interfaces.
 * A daemon keeps a set that is not its current one only while a socket uses it (docs/identity.md): bind one to the
 * first address of each before the daemons start.
 */
export function gatherCrowd(
  lab: Lab,
  size: CrowdSize,
  uplinks: Readonly<Record<Host, readonly Uplink[]>>,
  random: SeededRandom,
): Crowd {
  const members = (host: Host): Address[][] => {
    const records = Array.from({ length: size[host] }, (): IdentityRecord => ({
      kind: 'hba',
      sec: 0,
      prefixes: uplinks[host].map((uplink) => uplinkPrefix(host, uplink)),
      modifier: randomModifier(random),
      extendedModifier: randomExtendedModifier(random),
      collisionCount: 0,
      key: undefined,
      createdAt: new Date().toISOString(),
    }));
    new IdentityStore(lab.stateDirectory(host)).save(records);
    const sets = records.map((record) =>
      realize(record, undefined).addresses.map(({ address }) => address),
    );
    const netlink = new Rtnetlink(lab.entry.namespace(host));
    try {
      uplinks[host].forEach((uplink, i) => {
        const index = netlink.index(hostInterface(uplink));
        for (const set of sets) {
          const address = set[i];
          if (address === undefined) continue;
          netlink.addAddress({ address, prefixLength: 64, index, noDad: true, protocol: STATIC });
        }
      });
    } finally {
      netlink.close();
    }
    return sets;
  };
  const [a, b] = HOSTS.map(members);
  return { A: a ?? [], B: b ?? [] };
}
