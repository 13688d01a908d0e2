import type { SamJson, StatusJson } from '../../control/schema.js';
import { delegatedPrefix } from '../../sam/mapping.js';
import { formatPrefix } from '../../wire/prefix.js';
import type { SamDaemonConfig } from '../config/sam.js';
import type { OpenedSam } from '../world.js';

/** The zones as they are, with the children that the system has heard of. */
export function samJson(
  config: SamDaemonConfig,
  opened: OpenedSam,
): Omit<SamJson, 'schema' | 'now'> {
  const { zones, addresses } = opened.view();
  const neighbours = opened.neighbours();
  const named = new Map(zones.map((z) => [z.name, z]));
  return {
    role: config.role,
    device: config.device,
    zones: [...new Set(config.links.map((l) => l.zone))].map((name) => {
      const zone = named.get(name);
      const wanted = config.links.filter((l) => l.zone === name);
      const table = opened.table.zones.find((z) => z.name === name);
      const known = new Set([
        ...(zone?.parents ?? []).map((p) => p.local),
        ...(table?.interfaces ?? []).map((i) => i.local),
      ]);
      return {
        name,
        role: wanted[0]?.position ?? 'child',
        constant: zone?.constant ?? null,
        links: wanted.map(
          (l) =>
            zone?.links.find((o) => o.name === l.interface) ?? {
              name: l.interface,
              local: null,
              state: opened.troubles.get(l.interface) ?? 'waiting',
              advertising: false,
            },
        ),
        parents: (zone?.parents ?? []).map((p) => ({ ...p, prefixes: [...p.prefixes] })),
        children: neighbours
          .filter((n) => wanted.some((l) => l.interface === n.interface) && !known.has(n.local))
          .map((n) => ({
            ...n,
            delegated: (table?.prefixes ?? []).flatMap(({ prefix }) => {
              const found = delegatedPrefix(prefix, n.local);
              return found.ok ? [formatPrefix(found.prefix)] : [];
            }),
          })),
      };
    }),
    providers: config.providers.map((p) => ({
      prefix: formatPrefix(p.prefix),
      interface: p.interface,
    })),
    addresses: addresses.map((a) => ({ ...a, parents: [...a.parents] })),
    state: opened.programState,
    counters: { ...opened.counters() },
  };
}

/** The line of `rehome status`. */
export function samStatus(
  config: SamDaemonConfig | undefined,
  opened: OpenedSam | undefined,
): StatusJson['sam'] {
  if (config === undefined || opened === undefined) return null;
  const { zones, addresses } = opened.view();
  const drops = Object.entries(opened.counters()).filter(([name]) => name.startsWith('drop-'));
  return {
    role: config.role,
    zones: zones.filter((z) => z.links.some((l) => l.local !== null)).map((z) => z.name),
    addresses: addresses.length,
    dropped: drops.reduce((sum, [, n]) => sum + n, 0),
  };
}
