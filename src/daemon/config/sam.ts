import { z } from 'zod';
import { formatDuration } from './duration.js';
import { fieldHex } from '../../sam/bits.js';
import { SAM } from '../../sam/constants.js';
import { constantText, decodeSubnet, fieldFromHex } from '../../sam/local.js';
import { isGlobal } from '../../sam/route.js';
import { formatPrefix, parsePrefix, type Prefix } from '../../wire/prefix.js';

export const SAM_ROLES = ['host', 'router', 'gateway'] as const;
export type SamRole = (typeof SAM_ROLES)[number];

/** An interface that is a link of a zone. */
export interface SamLinkConfig {
  readonly interface: string;
  readonly zone: string;
  /** Whether the zone delegates to us, or we are one of its parents. */
  readonly position: 'child' | 'gateway';
  readonly subnet: Prefix | undefined;
  /** Tried first; its digits give its length. */
  readonly infix: { readonly value: bigint; readonly octets: number } | undefined;
  readonly trusted: boolean;
}

/** A prefix that a provider routes to us. */
export interface SamProviderConfig {
  readonly prefix: Prefix;
  readonly interface: string;
  /** Milliseconds from when this was read; undefined: for ever. */
  readonly preferred: number | undefined;
  readonly valid: number | undefined;
}

/** The table `[sam]`. */
export interface SamDaemonConfig {
  readonly role: SamRole;
  readonly device: string;
  readonly links: readonly SamLinkConfig[];
  readonly providers: readonly SamProviderConfig[];
  /** Seconds, of our Router Advertisements; 0: nobody's default router. */
  readonly routerLifetime: number;
}

/** What each key wants, said after what is wrong with it. */
export const SAM_WANTS: Readonly<Record<string, string>> = {
  sam: 'write a table with a role; see docs/config.md',
  'sam.role':
    'write "host" (it gets addresses), "router" (it is in zones, or between them) or "gateway" (a provider gives it a prefix)',
  'sam.device': 'write a device name of 1 to 14 letters, digits, "-" or "_"',
  'sam.interfaces': 'write the names of the interfaces on trusted links of the zone, e.g. ["eth0"]',
  'sam.router_lifetime': "write whole seconds from 0 (nobody's default router) to 65535",
  'sam.link':
    'write one [[sam.link]] table for each interface that is in a zone; see docs/config.md',
  'sam.link.interface': 'write the name of an interface, e.g. "eth0"',
  'sam.link.zone': 'write a name for the zone; links of one zone have the same, e.g. "site"',
  'sam.link.position':
    'write "child" (the zone delegates to us) or "gateway" (we delegate to the zone)',
  'sam.link.subnet': 'write a SAM subnet prefix, a /64 such as "fcf9:0:0:1::/64"',
  'sam.link.infix': 'write the IID infix in hexadecimal, two digits an octet, e.g. "5555"',
  'sam.link.trusted': 'write false where others than your routers can send advertisements',
  'sam.provider': 'write one [[sam.provider]] table for each prefix; see docs/config.md',
  'sam.provider.prefix': 'write the prefix that the provider routes to us, e.g. "2001:db8:a::/48"',
  'sam.provider.interface': 'write the name of the interface towards the provider, e.g. "wan0"',
  'sam.provider.preferred':
    'write how long new connections may use it from now on, e.g. "0s" before it goes, and no longer than valid',
  'sam.provider.valid': 'write how long it works from now on, e.g. "1h"',
};

const name = z.string().regex(/^\S{1,15}$/, 'not an interface name');

/** The zod schema of `[sam]`; `prefix` reads a prefix and says what is wrong with it. */
export const samSchema = (
  prefix: z.ZodType<Prefix, string>,
  duration: z.ZodType<number, number | string>,
) =>
  z
    .strictObject({
      role: z.enum(SAM_ROLES),
      device: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,14}$/, 'not a device name')
        .optional(),
      interfaces: z.array(name).optional(),
      router_lifetime: z.int().min(0).max(65_535).optional(),
      link: z
        .array(
          z.strictObject({
            interface: name,
            zone: z
              .string()
              .regex(/^\S{1,32}$/, 'not a zone name')
              .optional(),
            position: z.enum(['child', 'gateway']).optional(),
            subnet: prefix
              .refine((p) => p.length === 64 && decodeSubnet(p.address).ok, {
                message: 'no subnet prefix of the SAM format',
              })
              .optional(),
            infix: z
              .string()
              .regex(/^([0-9a-fA-F]{2}){1,7}$/, 'not 1 to 7 octets in hexadecimal')
              .optional(),
            trusted: z.boolean().optional(),
          }),
        )
        .optional(),
      provider: z
        .array(
          z.strictObject({
            prefix: prefix
              .refine((p) => isGlobal(p.address), { message: 'no global prefix' })
              .refine((p) => p.length >= SAM.minPrefixLength, {
                message: `shorter than /${SAM.minPrefixLength}: no child would believe it`,
              }),
            interface: name,
            preferred: duration.optional(),
            valid: duration.optional(),
          }),
        )
        .optional(),
    })
    .superRefine((value, context) => {
      const issue = (path: (string | number)[], message: string): void =>
        context.addIssue({ code: 'custom', path, message });
      const links = value.link ?? [];
      const names = [...(value.interfaces ?? []), ...links.map((l) => l.interface)];
      if (names.length === 0) issue(['interfaces'], 'no interface is in a zone');
      const twice = names.find((n, i) => names.indexOf(n) !== i);
      if (twice !== undefined)
        issue(['link'], `${twice} is there twice; a link belongs to one zone`);
      if (value.role === 'gateway' && (value.provider ?? []).length === 0) {
        issue(['provider'], 'a gateway without a prefix from a provider');
      }
      if (value.role === 'host') {
        if ((value.provider ?? []).length > 0)
          issue(['provider'], 'a host has no provider of its own');
        links.forEach((l, i) => {
          if (l.position === 'gateway') issue(['link', i, 'position'], 'a host is no gateway');
          if (l.subnet !== undefined) issue(['link', i, 'subnet'], 'a host learns its subnet');
        });
      }
      for (const [i, { prefix, interface: from, preferred, valid }] of (
        value.provider ?? []
      ).entries()) {
        if (names.includes(from)) {
          issue(['provider', i, 'interface'], `${from} is a link of a zone, and no provider's`);
        }
        const first = (value.provider ?? []).findIndex(
          (p) => formatPrefix(p.prefix) === formatPrefix(prefix),
        );
        if (first !== i) {
          issue(['provider', i, 'prefix'], `${formatPrefix(prefix)} is there twice`);
        }
        const late =
          preferred === undefined ? valid !== undefined : preferred > (valid ?? Infinity);
        if (late) issue(['provider', i, 'preferred'], 'longer than valid');
      }
      const gatewayOf = new Set(
        links.flatMap((l) =>
          positionOf(value.role, l.position) === 'gateway' ? [l.zone ?? DEFAULT_ZONE] : [],
        ),
      );
      if (gatewayOf.size > 1) issue(['link'], 'a node is a gateway of one zone at most');
      for (const [i, l] of links.entries()) {
        const zone = l.zone ?? DEFAULT_ZONE;
        if (gatewayOf.has(zone) && positionOf(value.role, l.position) === 'child') {
          issue(['link', i, 'position'], `gateway and child of zone ${zone} at once`);
        }
        const alone = links.filter((o) => (o.zone ?? DEFAULT_ZONE) === zone).length === 1;
        if (gatewayOf.has(zone) && l.subnet === undefined && !alone) {
          issue(['link', i, 'subnet'], 'missing: several links of a zone need a subnet each');
        }
        const first = links.find((o) => (o.zone ?? DEFAULT_ZONE) === zone && o.subnet);
        if (l.subnet === undefined || first?.subnet === undefined) continue;
        const constant = constantText(l.subnet);
        if (constant !== undefined && constant !== constantText(first.subnet)) {
          issue(['link', i, 'subnet'], `another constant prefix than ${first.interface}; a zone has one`); // prettier-ignore
        }
      }
    });
export type SamFile = z.output<ReturnType<typeof samSchema>>;

const DEFAULT_ZONE = 'zone';
/** Of a gateway that is not told one: the constant prefix that is the same everywhere, no subnet infix. */
const DEFAULT_SUBNET = parsePrefix('fcf0::/64');
const DEFAULT_DEVICE = 'rehome0';

const positionOf = (
  role: SamRole,
  position: 'child' | 'gateway' | undefined,
): 'child' | 'gateway' => position ?? (role === 'gateway' ? 'gateway' : 'child');

/** `[sam]` with its defaults. */
export function samConfig(from: SamFile): SamDaemonConfig {
  const { role } = from;
  const short = (from.interfaces ?? []).map(
    (i) => ({ interface: i }) as NonNullable<SamFile['link']>[number],
  );
  const links = [...short, ...(from.link ?? [])].map((l): SamLinkConfig => {
    const position = positionOf(role, l.position);
    const infix = l.infix === undefined ? undefined : fieldFromHex(l.infix, 'IID infix');
    return {
      interface: l.interface,
      zone: l.zone ?? DEFAULT_ZONE,
      position,
      subnet: l.subnet ?? (position === 'gateway' ? DEFAULT_SUBNET : undefined),
      infix: infix === undefined ? undefined : { value: infix.value, octets: infix.length / 8 },
      trusted: l.trusted ?? true,
    };
  });
  return {
    role,
    device: from.device ?? DEFAULT_DEVICE,
    links,
    providers: (from.provider ?? []).map((p) => ({
      prefix: p.prefix,
      interface: p.interface,
      preferred: p.preferred,
      valid: p.valid,
    })),
    routerLifetime: from.router_lifetime ?? 0,
  };
}

/** The other way round: what reads as the same configuration. */
export const samToFile = (sam: SamDaemonConfig): Record<string, unknown> => ({
  role: sam.role,
  device: sam.device,
  router_lifetime: sam.routerLifetime,
  link: sam.links.map((l) => ({
    interface: l.interface,
    zone: l.zone,
    position: l.position,
    subnet: l.subnet === undefined ? undefined : formatPrefix(l.subnet),
    infix:
      l.infix === undefined
        ? undefined
        : fieldHex({ value: l.infix.value, length: 8 * l.infix.octets }),
    trusted: l.trusted,
  })),
  provider: sam.providers.map((p) => ({
    prefix: formatPrefix(p.prefix),
    interface: p.interface,
    preferred: p.preferred === undefined ? undefined : formatDuration(p.preferred),
    valid: p.valid === undefined ? undefined : formatDuration(p.valid),
  })),
});
