import { RehomeError } from '../wire/errors.js';
import { parseAddress, type Address } from '../wire/address.js';
import { prefixOf, type Prefix } from '../wire/prefix.js';

/**
 * The lab's geography: two hosts, three uplinks each, every uplink with its own documentation prefix. A one-way path
 * is (source uplink, destination uplink); 9 from A to B and 9 from B to A, like the testbed of seed 001, figure 3.
 */
export type Host = 'A' | 'B';
export const HOSTS: readonly Host[] = ['A', 'B'];
export const UPLINKS = [1, 2, 3] as const;
export type Uplink = (typeof UPLINKS)[number];

export const otherHost = (host: Host): Host => (host === 'A' ? 'B' : 'A');

/** `a1` for host A's first uplink. */
export const uplinkName = (host: Host, uplink: Uplink): string => `${host.toLowerCase()}${uplink}`;

/** The prefix of one uplink, 2001:db8:a1::/64 for A's first. */
export const uplinkPrefix = (host: Host, uplink: Uplink): Prefix =>
  prefixOf(hostAddress(host, uplink), 64);

/** The host's own address on an uplink. */
export const hostAddress = (host: Host, uplink: Uplink): Address =>
  parseAddress(`2001:db8:${uplinkName(host, uplink)}::10`);

/** The router's address on an uplink: the host's default gateway there. */
export const routerAddress = (host: Host, uplink: Uplink): Address =>
  parseAddress(`2001:db8:${uplinkName(host, uplink)}::1`);

/** One one-way path. `id` is its place in `PATHS`, 0 to 17: A's nine first. */
export interface OneWayPath {
  readonly id: number;
  readonly from: Host;
  readonly source: Uplink;
  readonly destination: Uplink;
  /** `a1>b2`. */
  readonly name: string;
}

const onePath = (from: Host, source: Uplink, destination: Uplink): OneWayPath => ({
  id: pathId(from, source, destination),
  from,
  source,
  destination,
  name: `${uplinkName(from, source)}>${uplinkName(otherHost(from), destination)}`,
});

export const pathId = (from: Host, source: Uplink, destination: Uplink): number =>
  (from === 'A' ? 0 : 9) + (source - 1) * 3 + (destination - 1);

export const PATHS: readonly OneWayPath[] = HOSTS.flatMap((from) =>
  UPLINKS.flatMap((source) => UPLINKS.map((destination) => onePath(from, source, destination))),
);

export const PATH_COUNT = PATHS.length;

/** The path that packets take which carry these addresses; undefined when either is not of the lab. */
export function pathOf(source: Address, destination: Address): OneWayPath | undefined {
  const from = whose(source);
  const to = whose(destination);
  if (from === undefined || to === undefined || from.host === to.host) return undefined;
  return PATHS[pathId(from.host, from.uplink, to.uplink)];
}

/** The host and uplink an address belongs to. */
export function whose(address: Address): { host: Host; uplink: Uplink } | undefined {
  const match = /^2001:db8:([ab])([123]):/.exec(address);
  if (match === null) return undefined;
  const host = match[1] === 'a' ? 'A' : 'B';
  return { host, uplink: Number(match[2]) as Uplink };
}

export const sourceAddress = (path: OneWayPath): Address => hostAddress(path.from, path.source);
export const destinationAddress = (path: OneWayPath): Address =>
  hostAddress(otherHost(path.from), path.destination);

export const reversePath = (path: OneWayPath): OneWayPath => {
  const reverse = PATHS[pathId(otherHost(path.from), path.destination, path.source)];
  if (reverse === undefined) throw new RangeError(path.name);
  return reverse;
};

/**
 * Reads what a person writes: `a1>b2` (one way), `a1<>b2` (both ways), `a1` (everything over one uplink), `all`, or
 * several of them with commas. `current` is the caller's business.
 * @throws RehomeError REHOME_E_PATH with what would have been understood.
 */
export function parsePathSelector(text: string): readonly OneWayPath[] {
  const chosen = new Set<OneWayPath>();
  for (const part of text.split(',')) for (const path of parseOne(part.trim())) chosen.add(path);
  return PATHS.filter((path) => chosen.has(path));
}

function parseOne(text: string): readonly OneWayPath[] {
  if (text === 'all') return PATHS;
  const lower = text.toLowerCase();
  const found = PATHS.filter((path) => {
    const [source = '', destination = ''] = path.name.split('>');
    return (
      path.name === lower ||
      `${destination}<${source}` === lower ||
      `${source}<>${destination}` === lower ||
      `${destination}<>${source}` === lower ||
      source === lower ||
      destination === lower
    );
  });
  if (found.length === 0) {
    throw new RehomeError(
      'REHOME_E_PATH',
      `no such path: ${JSON.stringify(text)} (want a1>b2, a1<>b2, an uplink such as a1, current, or all)`,
      text,
    );
  }
  return found;
}
