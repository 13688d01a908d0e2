import { z } from 'zod';
import { HBA_MAX_SEC } from '../../identity/hba.js';
import { isStrategy, STRATEGY_NAMES } from '../../reap/strategy/index.js';
import { parseAddress } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.js';
import { EXIT_MOST } from '../../dataplane/exit/layout.js';
import { IDENTITY_KINDS } from '../identity/record.js';
import { parseDuration } from './duration.js';
import { SAM_WANTS, samSchema } from './sam.js';
import { TIMER_KEYS, type TimerKey } from './timers.js';

/** What each key wants, said after what is wrong with it. Keys are written without array indices. */
export const WANTS: Readonly<Record<string, string>> = {
  profile:
    'write "fast" (failures found by measuring), "rfc" (constants of RFC 5534) or "paper" (send timer 3 s)',
  strategy: `write one of ${STRATEGY_NAMES}, in quotes; leave it out for that of the profile`,
  identity:
    'write "hba" (a fixed set of prefixes, the cheapest to verify), "hybrid" (prefixes may be added to live sessions) or "cga"',
  security:
    'leave it out, or write "none" in a closed lab: then nobody proves anything (SECURITY.md)',
  force_insecure: 'write true only where every host on every path is yours',
  state_dir: 'write an absolute path, e.g. "/var/lib/rehome"',
  addresses: 'write a table; see docs/config.md',
  'addresses.sec': 'write 0 or 1, or 2 together with accept_hours_of_search = true',
  'addresses.accept_hours_of_search': 'write true together with sec = 2',
  'addresses.key': 'write the absolute path of an RSA private key in PEM, 1024 to 2048 bits',
  'addresses.prefer': 'write true or false',
  'addresses.prefix': 'write one [[addresses.prefix]] table for each prefix; see docs/config.md',
  'addresses.prefix.prefix': 'write a /64, e.g. "2001:db8:a1::/64"',
  'addresses.prefix.interface':
    'write the name of the interface that the prefix is on, e.g. "eth0"',
  interfaces: 'write a list of interface names, e.g. ["eth0", "wlan0"]',
  prefixes: 'write a list of IPv6 prefixes, e.g. ["2001:db8:a1::/48"]',
  shim6: 'write true, or false on a router that only forwards',
  max_contexts: 'write a whole number from 1 to 65536',
  deliver_all_icmp: 'write true or false',
  names: 'write prefixes and short names, e.g. "2001:db8:a1::/48" = "a1"',
  protect: 'write a table with peers and prefixes',
  'protect.peers': 'write a list of IPv6 addresses, e.g. ["2001:db8::1"]',
  'protect.prefixes': 'write a list of IPv6 prefixes, e.g. ["2001:db8::/32"]',
  leave: 'write a table with peers and prefixes',
  'leave.peers': 'write a list of IPv6 addresses, e.g. ["2001:db8::1"]',
  'leave.prefixes': 'write a list of IPv6 prefixes, e.g. ["2001:db8::/32"]',
  trigger: 'write a table; see docs/config.md',
  'trigger.packets': 'write a whole number of packets, or "off"',
  'trigger.bytes': 'write a whole number of bytes, or "off"',
  'trigger.seconds': 'write a duration such as "5s", or "off"',
  'trigger.ports': 'write a list of ports (1 to 65535), e.g. [22, 443]',
  'trigger.never_ports': 'write a list of ports (1 to 65535), e.g. [123]',
  'trigger.outbound_only': 'write true or false',
  timers: 'write a table of constants; see docs/config.md',
  locator: 'write one [[locator]] table for each prefix; see docs/config.md',
  'locator.prefix': 'write the IPv6 prefix or address it is about, e.g. "2001:db8:a1::/48"',
  'locator.priority': 'write a whole number from 0 (best) to 255',
  'locator.weight': 'write a whole number from 0 to 255',
  'locator.transient': 'write true or false',
  exit: 'write [exit] and one [[exit.uplink]] table for each provider; see docs/config.md',
  'exit.inside': 'write a list of interface names, e.g. ["lan0"]',
  'exit.unknown_source': 'write "notify" (ICMPv6 code 5 to the sender) or "drop"',
  'exit.uplink_down': 'write "notify" (ICMPv6 "no route" to the sender) or "drop"',
  'exit.check': 'write a duration, e.g. "3s"',
  'exit.uplink': 'write one [[exit.uplink]] table for each provider; see docs/config.md',
  'exit.uplink.name': 'write a short name, e.g. "isp-a"',
  'exit.uplink.interface': 'write the name of the interface towards the provider, e.g. "wan0"',
  'exit.uplink.next_hop': 'write the IPv6 address of the provider\'s router, e.g. "fe80::1"',
  'exit.uplink.prefixes': 'write what the provider has given, e.g. ["2001:db8:a::/48"]',
  control: 'write a table with socket, group and mode',
  'control.socket': 'write an absolute path of at most 107 octets, e.g. "/run/rehome/control.sock"',
  'control.group': 'write the name of a group, e.g. "rehome"',
  'control.mode': 'write "0600", or "0660" together with group',
  log: 'write a table with level and format',
  'log.level': 'write "trace", "debug", "info", "warn" or "error"',
  'log.format': 'write "auto", "json" or "pretty"',
  dataplane: 'write a table with kind and device',
  'dataplane.kind': 'write "kernel"',
  'dataplane.device': 'write a device name of 1 to 14 letters, digits, "-" or "_"',
  ...SAM_WANTS,
};

const timerWant = (t: TimerKey): string => {
  if (t.kind === 'duration')
    return 'write a duration, e.g. "500ms", "3s", "1min", or a number of seconds';
  return t.kind === 'count'
    ? `write a whole number from ${t.min} to ${t.max}`
    : `write a number from ${t.min} to ${t.max}`;
};

/** The remedy for one key, written with dots. */
export function wantOf(key: string): string | undefined {
  const timer = TIMER_KEYS.find((t) => `timers.${t.key}` === key);
  return timer === undefined ? WANTS[key] : timerWant(timer);
}

/** Runs a parser that throws RehomeError as a zod transform: its sentence becomes the issue. */
const parsed = <I, O>(parse: (value: I) => O) => {
  return (value: I, context: z.RefinementCtx): O => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof RehomeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  };
};

const prefix = z.string().transform(parsed(parsePrefix));
const address = z
  .string()
  .transform(parsed((text: string): Prefix => ({ address: parseAddress(text), length: 128 })));
const duration = z.union([z.number(), z.string()]).transform(parsed(parseDuration));
const port = z.int().min(1).max(65_535);
const off = z.literal('off');
const octet = z.int().min(0).max(255);
const peers = z.strictObject({
  peers: z.array(address).optional(),
  prefixes: z.array(prefix).optional(),
});

const timer = (t: TimerKey): z.ZodType<number> => {
  if (t.kind === 'count') return z.int().min(t.min).max(t.max);
  if (t.kind === 'ratio') return z.number().min(t.min).max(t.max);
  return duration.refine((v) => v >= t.min && v <= t.max, {
    message: `out of range (${t.min} ms to ${t.max / 1_000} s)`,
  });
};

const names = z
  .record(z.string(), z.string().regex(/^[^\s]{1,16}$/, 'not a short name'))
  .superRefine((value, context) => {
    for (const key of Object.keys(value)) {
      try {
        parsePrefix(key);
      } catch (error) {
        if (!(error instanceof RehomeError)) throw error;
        context.addIssue({ code: 'custom', path: [key], message: error.message });
      }
    }
  });

const control = z
  .strictObject({
    socket: z
      .string()
      .regex(/^\//, 'not an absolute path')
      .refine((path) => Buffer.byteLength(path) <= 107, 'longer than a Unix socket path may be')
      .optional(),
    group: z.string().min(1).optional(),
    mode: z.enum(['0600', '0660']).optional(),
  })
  .superRefine((value, context) => {
    if (value.mode === '0660' && value.group === undefined)
      context.addIssue({ code: 'custom', path: ['mode'], message: '0660 without a group' });
    if (value.mode === '0600' && value.group !== undefined)
      context.addIssue({ code: 'custom', path: ['mode'], message: '0600 shuts out the group' });
  });

const absolutePath = z.string().regex(/^\//, 'not an absolute path');
const interfaceName = z.string().regex(/^[^\s/]{1,15}$/, 'not an interface name');

const addresses = z
  .strictObject({
    sec: z.int().min(0).max(HBA_MAX_SEC).optional(),
    accept_hours_of_search: z.boolean().optional(),
    key: absolutePath.optional(),
    prefer: z.boolean().optional(),
    prefix: z
      .array(
        z.strictObject({
          prefix: prefix.refine((p) => p.length === 64, 'not a /64'),
          interface: interfaceName,
        }),
      )
      .optional(),
  })
  .superRefine((value, context) => {
    if (value.sec === HBA_MAX_SEC && value.accept_hours_of_search !== true)
      context.addIssue({
        code: 'custom',
        path: ['sec'],
        message: 'Sec 2 takes some 2^32 hashes, which is hours',
      });
  });

/** How often next hops may be asked, milliseconds. */
const CHECK = { from: 100, to: 60_000 } as const;

const exit = z
  .strictObject({
    inside: z.array(interfaceName).optional(),
    unknown_source: z.enum(['notify', 'drop']).optional(),
    uplink_down: z.enum(['notify', 'drop']).optional(),
    check: duration
      .refine((v) => v >= CHECK.from && v <= CHECK.to, {
        message: `out of range (${CHECK.from} ms to ${CHECK.to / 1_000} s)`,
      })
      .optional(),
    uplink: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(/^[^\s]{1,16}$/, 'not a short name')
            .optional(),
          interface: interfaceName,
          next_hop: z.string().transform(parsed(parseAddress)).optional(),
          prefixes: z
            .array(prefix.refine((p) => p.length > 0, 'everything belongs to no provider'))
            .min(1),
        }),
      )
      .min(1)
      .max(EXIT_MOST.uplinks),
  })
  .superRefine((value, context) => {
    const issue = (message: string, at: (string | number)[]): void =>
      context.addIssue({ code: 'custom', message, path: ['uplink', ...at] });
    const names = new Set<string>();
    const prefixes = new Map<string, string>();
    value.uplink.forEach((uplink, i) => {
      const name = uplink.name ?? uplink.interface;
      if (names.has(name))
        issue(`a second uplink with the name ${name}`, [
          i,
          uplink.name === undefined ? 'interface' : 'name',
        ]);
      names.add(name);
      uplink.prefixes.forEach((p, at) => {
        const other = prefixes.get(formatPrefix(p));
        if (other !== undefined)
          issue(`${formatPrefix(p)} is of the uplink ${other} already`, [i, 'prefixes', at]);
        prefixes.set(formatPrefix(p), name);
      });
    });
    if (prefixes.size > EXIT_MOST.prefixes)
      issue(`more than ${EXIT_MOST.prefixes} prefixes in all`, []);
  });

/** The file as written; `config.ts` fills in what is not there. Durations come out in milliseconds. */
export const FileSchema = z.strictObject({
  profile: z.enum(['fast', 'rfc', 'paper']).optional(),
  strategy: z.string().refine(isStrategy, { message: 'is no path strategy' }).optional(),
  identity: z.enum(IDENTITY_KINDS).optional(),
  security: z.literal('none').optional(),
  force_insecure: z.boolean().optional(),
  state_dir: absolutePath.optional(),
  addresses: addresses.optional(),
  interfaces: z.array(interfaceName).optional(),
  prefixes: z.array(prefix).optional(),
  shim6: z.boolean().optional(),
  max_contexts: z.int().min(1).max(65_536).optional(),
  deliver_all_icmp: z.boolean().optional(),
  names: names.optional(),
  protect: peers.optional(),
  leave: peers.optional(),
  trigger: z
    .strictObject({
      packets: z.union([off, z.int().min(1)]).optional(),
      bytes: z.union([off, z.int().min(1)]).optional(),
      seconds: z.union([off, duration]).optional(),
      ports: z.array(port).optional(),
      never_ports: z.array(port).optional(),
      outbound_only: z.boolean().optional(),
    })
    .optional(),
  timers: z
    .strictObject(Object.fromEntries(TIMER_KEYS.map((t) => [t.key, timer(t).optional()])))
    .optional(),
  locator: z
    .array(
      z.strictObject({
        prefix,
        priority: octet.optional(),
        weight: octet.optional(),
        transient: z.boolean().optional(),
      }),
    )
    .optional(),
  exit: exit.optional(),
  control: control.optional(),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).optional(),
      format: z.enum(['auto', 'json', 'pretty']).optional(),
    })
    .optional(),
  dataplane: z
    .strictObject({
      kind: z.literal('kernel').optional(),
      device: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,14}$/, 'not a device name')
        .optional(),
    })
    .optional(),
  sam: samSchema(prefix, duration).optional(),
});
export type FileConfig = z.output<typeof FileSchema>;

/** Every key that may stand under `path`, for "did you mean". */
export function knownKeys(path: readonly (string | number)[]): string[] {
  const key = path.filter((p) => typeof p === 'string').join('.');
  if (key === 'timers') return TIMER_KEYS.map((t) => t.key);
  const lead = key === '' ? '' : `${key}.`;
  return Object.keys(WANTS)
    .filter((k) => k.startsWith(lead) && !k.slice(lead.length).includes('.'))
    .map((k) => k.slice(lead.length));
}
