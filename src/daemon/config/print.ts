import { stringify } from 'smol-toml';
import { HBA_MAX_SEC } from '../../identity/hba.js';
import { formatPrefix } from '../../wire/prefix.js';
import type { DaemonConfig } from '../config.js';
import type { ExitConfig } from '../exit/config.js';
import { formatDuration } from './duration.js';
import { samToFile } from './sam.js';
import { TIMER_KEYS } from './timers.js';

/**
 * The effective configuration in the form of the file: every key is there, and reading it again gives the same
 * configuration. JSON-ready.
 */
export function toFile(config: DaemonConfig): Record<string, unknown> {
  const { engine } = config;
  return {
    profile: engine.profile,
    strategy: engine.strategy,
    identity: config.addresses.kind,
    security: engine.security === 'none' ? engine.security : undefined,
    force_insecure: config.addresses.forceInsecure,
    state_dir: config.addresses.stateDirectory,
    addresses: {
      sec: config.addresses.sec,
      ...(config.addresses.sec === HBA_MAX_SEC ? { accept_hours_of_search: true } : {}),
      key: config.addresses.key,
      prefer: config.addresses.prefer,
      prefix: config.addresses.prefixes.map((p) => ({ ...p, prefix: formatPrefix(p.prefix) })),
    },
    interfaces: config.interfaces.length > 0 ? config.interfaces : undefined,
    prefixes: config.prefixes.length > 0 ? config.prefixes.map(formatPrefix) : undefined,
    shim6: config.shim6,
    max_contexts: engine.maxContexts,
    deliver_all_icmp: engine.deliverAllIcmp,
    protect: { prefixes: engine.protect.map(formatPrefix) },
    leave: { prefixes: engine.leave.map(formatPrefix) },
    trigger: {
      packets: engine.trigger.packets ?? 'off',
      bytes: engine.trigger.bytes ?? 'off',
      seconds:
        engine.trigger.seconds === undefined
          ? 'off'
          : formatDuration(engine.trigger.seconds * 1_000),
      ports: engine.trigger.ports,
      never_ports: engine.trigger.neverPorts,
      outbound_only: engine.trigger.outboundOnly,
    },
    timers: Object.fromEntries(
      TIMER_KEYS.map((t) => {
        const constants = engine[t.owner] as unknown as Record<string, number>;
        const value = constants[t.field] ?? 0;
        return [t.key, t.kind === 'duration' ? formatDuration(value) : value];
      }),
    ),
    ...(config.exit === undefined ? {} : { exit: exitToFile(config.exit) }),
    control: {
      socket: config.control.socket,
      group: config.control.group,
      mode: config.control.mode === 0o600 ? '0600' : '0660',
    },
    log: { ...config.log },
    dataplane: { ...config.dataPath },
    sam: config.sam === undefined ? undefined : samToFile(config.sam),
    names: Object.fromEntries(config.names.map((n) => [formatPrefix(n.prefix), n.name])),
    locator: config.locators.map((l) => ({ ...l, prefix: formatPrefix(l.prefix) })),
  };
}

const exitToFile = (exit: ExitConfig): Record<string, unknown> => ({
  inside: exit.inside,
  unknown_source: exit.unknownSource,
  uplink_down: exit.uplinkDown,
  check: formatDuration(exit.check),
  uplink: exit.uplinks.map(({ name, interface: on, nextHop, prefixes }) => ({
    name,
    interface: on,
    ...(nextHop === undefined ? {} : { next_hop: nextHop }),
    prefixes: prefixes.map(formatPrefix),
  })),
});

/** The effective configuration as TOML. */
export const toToml = (config: DaemonConfig): string => `${stringify(toFile(config))}\n`;
