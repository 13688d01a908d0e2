import type { ExitJson } from '../../control/schema.js';
import { formatPrefix } from '../../wire/prefix.js';
import type { ExitView } from './router.js';

const NO_ROUTER: Omit<ExitJson, 'schema' | 'now'> = {
  router: false,
  uplinks: [],
  inside: [],
  unknownSource: 'notify',
  uplinkDown: 'notify',
  unknownSourcePackets: 0,
  wrongUplinkPackets: 0,
  noticesSent: 0,
  noticesNotSent: 0,
  warnings: [],
};

/** What `rehome exit --json` prints; undefined: this host is no exit router. */
export function exitJson(view: ExitView | undefined): Omit<ExitJson, 'schema' | 'now'> {
  if (view === undefined) return NO_ROUTER;
  const { uplinks, inside, warnings, ...rest } = view;
  return {
    ...rest,
    router: true,
    inside: [...inside],
    warnings: [...warnings],
    uplinks: uplinks.map(({ nextHop, prefixes, since, ...uplink }) => ({
      name: uplink.name,
      interface: uplink.interface,
      state: uplink.state,
      since: since.toISOString(),
      nextHop: nextHop ?? null,
      learned: uplink.learned,
      prefixes: prefixes.map(formatPrefix),
      sentPackets: uplink.sentPackets,
      sentBytes: uplink.sentBytes,
      receivedPackets: uplink.receivedPackets,
      receivedBytes: uplink.receivedBytes,
      refusedPackets: uplink.refusedPackets,
    })),
  };
}
