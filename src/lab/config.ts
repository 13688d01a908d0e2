import type { SecurityMode } from '../engine/types.js';
import type { ReapProfileName } from '../reap/constants.js';
import { HOSTS, uplinkName, uplinkPrefix, UPLINKS } from './paths.js';
import { formatPrefix } from '../wire/prefix.js';
import { hostInterface } from './topology.js';

/** What a lab host's daemon is told besides the lab's own facts. */
export interface DaemonSettings {
  readonly profile: ReapProfileName;
  /** Default: that of the profile. */
  readonly strategy?: string;
  /** How the hosts prove their locators. Default: hba, as in docs/config.md. */
  readonly identity?: SecurityMode;
  /** Default: the daemon's own. */
  readonly sec?: number;
  /** Keys of `[timers]` as in docs/config.md, e.g. `{ send_timeout: '1s' }`. */
  readonly timers?: Readonly<Record<string, string | number>>;
  /** Lines added to `[trigger]`. */
  readonly trigger?: Readonly<Record<string, string | number | boolean>>;
}

const toml = (value: string | number | boolean): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value);

const section = (
  name: string,
  values: Readonly<Record<string, string | number | boolean>> = {},
): string[] =>
  Object.keys(values).length === 0
    ? []
    : ['', `[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${toml(value)}`)];

/** The configuration file of one host's daemon. */
export function daemonConfig(
  settings: DaemonSettings,
  files: { readonly socket: string; readonly stateDirectory: string },
): string {
  const { identity = 'hba', sec } = settings;
  const names = HOSTS.flatMap((host) =>
    UPLINKS.map((u) => [formatPrefix(uplinkPrefix(host, u)), uplinkName(host, u)] as const),
  );
  return [
    '# Written by `rehome lab`.',
    `profile = ${toml(settings.profile)}`,
    ...(settings.strategy === undefined ? [] : [`strategy = ${toml(settings.strategy)}`]),
    ...(identity === 'none'
      ? ['security = "none"', 'force_insecure = true']
      : [`identity = ${toml(identity)}`]),
    `state_dir = ${toml(files.stateDirectory)}`,
    `interfaces = [${UPLINKS.map((u) => toml(hostInterface(u))).join(', ')}]`,
    ...section('addresses', sec === undefined ? {} : { sec }),
    ...section('trigger', settings.trigger),
    ...section('timers', settings.timers),
    ...section('control', { socket: files.socket }),
    '',
    '[names]',
    ...names.map(([prefix, name]) => `${toml(prefix)} = ${toml(name)}`),
    '',
  ].join('\n');
}
