import { ControlError } from '../../control/errors.js';
import type { DaemonConfig } from '../config.js';
import { toFile } from './print.js';

/** Keys that are read once, at start. */
const AT_START = [
  'control.',
  'dataplane.',
  'log.format',
  'max_contexts',
  'deliver_all_icmp',
  'identity',
  'security',
  'force_insecure',
  'state_dir',
  'addresses.',
  'shim6',
  'exit.',
  'sam.role',
  'sam.device',
  'sam.link',
  'sam.router_lifetime',
];

function flat(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new Map([[path, JSON.stringify(value) ?? '']]);
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...flat(inner, path === '' ? key : `${path}.${key}`),
    ]),
  );
}

/** Keys, written with dots, whose effective value differs. */
export function changedKeys(before: DaemonConfig, after: DaemonConfig): string[] {
  const a = flat(toFile(before));
  const b = flat(toFile(after));
  return [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k) !== b.get(k)).sort();
}

/** @throws ControlError REHOME_E_RESTART when something changed that only a restart can apply. */
export function refuseRestartKeys(before: DaemonConfig, after: DaemonConfig): void {
  const fixed = changedKeys(before, after).filter((key) => AT_START.some((k) => key.startsWith(k)));
  if (fixed.length === 0) return;
  throw new ControlError(
    'REHOME_E_RESTART',
    `${fixed.join(', ')} cannot change while the daemon runs`,
    'restart the daemon, or change it back; the running configuration is unchanged',
    fixed,
  );
}
