import { Rtnetlink } from '../../linux/netlink/client.js';
import { readSysctl } from '../../linux/netns.js';
import type { FdPoller } from '../../linux/poller.js';
import { decodeLocal } from '../../sam/local.js';
import { RehomeError } from '../../wire/errors.js';
import { systemClock } from '../clock.js';
import type { SamDaemonConfig } from '../config/sam.js';
import { systemRandom } from '../random.js';
import type { OpenedSam, SamHooks } from '../world.js';
import { SamService } from './service.js';

/** Starts SAM on this machine. @throws RehomeError REHOME_E_FORWARDING, and what SamService throws */
export function openSam(poller: FdPoller, config: SamDaemonConfig, hooks: SamHooks): OpenedSam {
  refuseWithoutForwarding(config);
  const clock = systemClock();
  const service = new SamService({ config, clock, random: systemRandom(), poller, ...hooks });
  return {
    device: { name: config.device, index: service.deviceIndex },
    get table() {
      return service.table;
    },
    get troubles() {
      return service.troubles;
    },
    get programState() {
      return service.programState;
    },
    setProviders: (providers) => service.setProviders(providers),
    setWatched: (watched) => service.setWatched(watched),
    view: () => service.engine.view(clock.now()),
    addresses: () => service.engine.addresses(),
    neighbours: () => neighbours(config),
    counters: () => service.counters(),
    close: () => service.close(),
  };
}

/** Forwarding is the administrator's to switch on: it changes what the host makes of Router Advertisements. */
function refuseWithoutForwarding({ role }: SamDaemonConfig): void {
  if (role === 'host' || readSysctl(undefined, 'net/ipv6/conf/all/forwarding') === '1') return;
  throw new RehomeError(
    'REHOME_E_FORWARDING',
    `[sam] role ${role} needs a forwarding kernel: sysctl -w net.ipv6.conf.all.forwarding=1 ` +
      '(and accept_ra=2 on interfaces where a provider advertises)',
    role,
  );
}

function neighbours(config: SamDaemonConfig): ReturnType<OpenedSam['neighbours']> {
  const netlink = new Rtnetlink();
  try {
    const names = new Map(netlink.links().map((l) => [l.index, l.name]));
    const wanted = new Set(config.links.map((l) => l.interface));
    return netlink.neighbours().flatMap(({ address, index, state }) => {
      const name = names.get(index) ?? '';
      if (!wanted.has(name) || !decodeLocal(address).ok) return [];
      const reachable = !['failed', 'incomplete', 'none'].includes(state);
      return [{ interface: name, local: address, reachable }];
    });
  } finally {
    netlink.close();
  }
}
