import { readFileSync } from 'node:fs';
import type { EngineConfig } from '../engine/types.js';
import type { TriggerRules } from '../policy/trigger.js';
import { DEFAULT_PROFILE, PROFILE_STRATEGIES, type ReapProfileName } from '../reap/constants.js';
import type { Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { parsePrefix, prefixContains, type Prefix } from '../wire/prefix.js';
import { ms } from '../wire/units.js';
import type { ExitConfig } from './exit/config.js';
import type { IdentityKind } from './identity/record.js';
import type { Vocabulary } from './config/issues.js';
import { FileSchema, knownKeys, wantOf, type FileConfig } from './config/schema.js';
import { applyTimers, timerWarnings } from './config/timers.js';
import { samConfig, type SamDaemonConfig } from './config/sam.js';
import { parseToml } from './config/toml.js';

export { ConfigError, formatIssue, type ConfigIssue } from './config/issues.js';

export const DEFAULT_CONFIG_FILE = '/etc/rehome/rehome.toml';
export const DEFAULT_STATE_DIRECTORY = '/var/lib/rehome';
export const DEFAULT_SOCKET = '/run/rehome/control.sock';
const WORDS: Vocabulary = { wantOf, knownKeys, manual: 'docs/config.md' };
/** Never worth a context: one packet each way. */
const DNS = 53;

/** What a `[[locator]]` table says of our addresses in a prefix. */
export interface LocatorRule {
  readonly prefix: Prefix;
  readonly priority: number;
  readonly weight: number;
  readonly transient: boolean;
}

export interface LogConfig {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly format: 'auto' | 'json' | 'pretty';
}

/** How the addresses that prove themselves are made and kept. Unused with security "none". */
export interface AddressesConfig {
  readonly kind: IdentityKind;
  readonly sec: number;
  /** An RSA private key in PEM; undefined: one of our own in the state directory. */
  readonly key: string | undefined;
  /** New connections leave from them. */
  readonly prefer: boolean;
  /** Prefixes that neither an advertisement nor an address tells of. */
  readonly prefixes: readonly { readonly prefix: Prefix; readonly interface: string }[];
  readonly stateDirectory: string;
  /** Security "none" also with global addresses. */
  readonly forceInsecure: boolean;
}

/** Everything a configuration file decides, defaults filled in. Plain data: equal files give equal values. */
export interface DaemonConfig {
  readonly file: string;
  readonly engine: EngineConfig;
  /** False: no sessions of this host are protected, and no addresses made; it forwards only. */
  readonly shim6: boolean;
  /** Only addresses of these interfaces; empty: of all. */
  readonly interfaces: readonly string[];
  /** Only addresses in these prefixes; empty: in all. */
  readonly prefixes: readonly Prefix[];
  readonly locators: readonly LocatorRule[];
  /** Short names for display, the longest prefix wins. */
  readonly names: readonly { readonly prefix: Prefix; readonly name: string }[];
  readonly control: {
    readonly socket: string;
    readonly group: string | undefined;
    /** 0o600 or 0o660. */
    readonly mode: number;
  };
  readonly log: LogConfig;
  readonly dataPath: { readonly kind: 'kernel'; readonly device: string };
  readonly addresses: AddressesConfig;
  /** Undefined: this host is no exit router. */
  readonly exit: ExitConfig | undefined;
  /** Undefined: no zones. */
  readonly sam: SamDaemonConfig | undefined;
  /** What the RFCs recommend otherwise, and what is unsafe, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads a configuration file.
 * @throws RehomeError REHOME_E_CONFIG_FILE when it cannot be read; ConfigError (REHOME_E_CONFIG) with every mistake.
 */
export function loadConfig(file: string): DaemonConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const remedy =
      reason === 'ENOENT'
        ? 'copy examples/rehome.toml there, or name another file with --config'
        : 'check the path and its permissions';
    throw new RehomeError(
      'REHOME_E_CONFIG_FILE',
      `cannot read ${file} (${reason}): ${remedy}`,
      file,
    );
  }
  return parseConfig(text, file);
}

/**
 * A configuration from its text.
 * @param file the name to put before line numbers.
 * @throws ConfigError (REHOME_E_CONFIG) with every mistake, each with line, key, problem and remedy.
 */
export function parseConfig(text: string, file: string): DaemonConfig {
  return resolve(parseToml(text, file, FileSchema, WORDS), file);
}

function resolve(from: FileConfig, file: string): DaemonConfig {
  const profile: ReapProfileName = from.profile ?? DEFAULT_PROFILE;
  const overrides = Object.fromEntries(
    Object.entries(from.timers ?? {}).filter((e): e is [string, number] => e[1] !== undefined),
  );
  const constants = applyTimers(profile, overrides);
  return {
    file,
    engine: {
      profile,
      ...constants,
      strategy: from.strategy ?? PROFILE_STRATEGIES[profile],
      trigger: trigger(from.trigger ?? {}),
      protect: [...(from.protect?.peers ?? []), ...(from.protect?.prefixes ?? [])],
      leave: [...(from.leave?.peers ?? []), ...(from.leave?.prefixes ?? [])],
      security: from.security ?? from.identity ?? DEFAULT_IDENTITY,
      deliverAllIcmp: from.deliver_all_icmp ?? false,
      maxContexts: from.max_contexts ?? 16_384,
    },
    shim6: from.shim6 ?? true,
    interfaces: from.interfaces ?? [],
    prefixes: from.prefixes ?? [],
    locators: (from.locator ?? []).map((l) => ({
      prefix: l.prefix,
      priority: l.priority ?? 0,
      weight: l.weight ?? 0,
      transient: l.transient ?? false,
    })),
    names: Object.entries(from.names ?? {}).map(([text, name]) => ({
      prefix: parsePrefix(text),
      name,
    })),
    control: {
      socket: from.control?.socket ?? DEFAULT_SOCKET,
      group: from.control?.group,
      mode: from.control?.group === undefined ? 0o600 : 0o660,
    },
    log: { level: from.log?.level ?? 'info', format: from.log?.format ?? 'auto' },
    dataPath: { kind: from.dataplane?.kind ?? 'kernel', device: from.dataplane?.device ?? 'shim0' },
    addresses: addressesConfig(from),
    exit: exitConfig(from.exit),
    sam: from.sam === undefined ? undefined : samConfig(from.sam),
    warnings: [
      ...(from.security === 'none' ? [INSECURE] : []),
      ...timerWarnings(constants).map((w) => w.message),
    ],
  };
}

const DEFAULT_IDENTITY: IdentityKind = 'hba';
/** 65,536 times the work for an attacker, a fraction of a second for us. */
const DEFAULT_SEC = 1;
const INSECURE =
  'security is "none": locators are not verified; who can answer for a locator of a peer can take over its sessions';

function addressesConfig(from: FileConfig): AddressesConfig {
  const { sec, key, prefer, prefix } = from.addresses ?? {};
  return {
    kind: from.identity ?? DEFAULT_IDENTITY,
    sec: sec ?? DEFAULT_SEC,
    key,
    prefer: prefer ?? true,
    prefixes: prefix ?? [],
    stateDirectory: from.state_dir ?? DEFAULT_STATE_DIRECTORY,
    forceInsecure: from.force_insecure ?? false,
  };
}

/** How often a next hop is asked, milliseconds: three unanswered solicitations later it counts as silent. */
const DEFAULT_CHECK = 3_000;

const exitConfig = (from: FileConfig['exit']): ExitConfig | undefined =>
  from && {
    uplinks: from.uplink.map((u) => ({
      name: u.name ?? u.interface,
      interface: u.interface,
      nextHop: u.next_hop,
      prefixes: u.prefixes,
    })),
    inside: from.inside ?? [],
    unknownSource: from.unknown_source ?? 'notify',
    uplinkDown: from.uplink_down ?? 'notify',
    check: ms(from.check ?? DEFAULT_CHECK),
  };

/** The default: 50 packets, or 5 s of a flow that we started (RFC 5533 §4, deferred establishment). DNS never. */
function trigger(from: NonNullable<FileConfig['trigger']>): TriggerRules {
  const limit = (
    value: number | 'off' | undefined,
    otherwise: number | undefined,
  ): number | undefined => (value === 'off' ? undefined : (value ?? otherwise));
  return {
    packets: limit(from.packets, 50),
    bytes: limit(from.bytes, undefined),
    seconds: seconds(limit(from.seconds, 5_000)),
    ports: from.ports ?? [],
    neverPorts: [...new Set([DNS, ...(from.never_ports ?? [])])],
    outboundOnly: from.outbound_only ?? true,
  };
}

const seconds = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : milliseconds / 1_000;

/**
 * Whether this host protects sessions of its own. SAM routers and gateways forward those of others: theirs are protected
 * only where the configuration names interfaces.
 */
export const hasLocators = ({
  shim6,
  sam,
  interfaces,
}: Pick<DaemonConfig, 'shim6' | 'sam' | 'interfaces'>): boolean =>
  shim6 && (sam === undefined || sam.role === 'host' || interfaces.length > 0);

/** Whether one of our addresses may be used as a locator. */
export const usesAddress = (
  config: Pick<DaemonConfig, 'interfaces' | 'prefixes'>,
  address: Address,
  interfaceName: string,
): boolean =>
  (config.interfaces.length === 0 || config.interfaces.includes(interfaceName)) &&
  (config.prefixes.length === 0 || config.prefixes.some((p) => prefixContains(p, address)));

/** The entry with the longest prefix that holds `address`. */
export function longestMatch<T extends { readonly prefix: Prefix }>(
  entries: readonly T[],
  address: Address,
): T | undefined {
  let best: T | undefined;
  for (const entry of entries) {
    if (!prefixContains(entry.prefix, address)) continue;
    if (best === undefined || entry.prefix.length > best.prefix.length) best = entry;
  }
  return best;
}

/** The display name of an address, from `[names]`. */
export const nameOf = (config: Pick<DaemonConfig, 'names'>, address: Address): string | undefined =>
  longestMatch(config.names, address)?.name;
