import { readFileSync } from 'node:fs';
import {
  addressFromBytes,
  isUnspecified,
  type Address,
  type LocatorPair,
} from '../wire/address.js';

/**
 * Which pairs of addresses have a connected socket in this network namespace: what RFC 5533 §9 means by "an upper-layer
 * protocol that might use the context". From the kernel's own text tables, which need no privilege.
 */

const TABLES = ['/proc/self/net/tcp6', '/proc/self/net/udp6'] as const;

/** States that still carry data: ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING (tcp_states.h). */
const IN_USE = new Set([1, 4, 5, 8, 9, 11]);

/** Every pair once. A table that cannot be read counts as empty: knowing less only means tearing down as before. */
export function connectedPairs(tables: readonly string[] = TABLES): readonly LocatorPair[] {
  const pairs = new Map<string, LocatorPair>();
  for (const table of tables) {
    for (const pair of parseSocketTable(read(table))) pairs.set(`${pair.local} ${pair.peer}`, pair);
  }
  return [...pairs.values()];
}

/** Addresses that a socket is bound to, by itself or by being connected: nobody should take them away. */
export function boundAddresses(tables: readonly string[] = TABLES): ReadonlySet<Address> {
  const bound = new Set<Address>();
  for (const table of tables) {
    for (const line of read(table).split('\n').slice(1)) {
      const [, local] = line.trim().split(/\s+/);
      const address = local === undefined ? undefined : endpoint(local);
      if (address !== undefined && !isUnspecified(address)) bound.add(address);
    }
  }
  return bound;
}

/** The lines of /proc/net/tcp6 or udp6 after the heading; malformed ones are passed over. */
export function parseSocketTable(text: string): readonly LocatorPair[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, peer, state] = line.trim().split(/\s+/);
      if (!local || !peer || !state || !IN_USE.has(parseInt(state, 16))) return [];
      const pair = { local: endpoint(local), peer: endpoint(peer) };
      if (pair.local === undefined || pair.peer === undefined) return [];
      return isUnspecified(pair.peer) ? [] : [{ local: pair.local, peer: pair.peer }];
    });
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** `ADDRESS:PORT`, the address as four 32-bit words in this machine's byte order. */
function endpoint(text: string): LocatorPair['local'] | undefined {
  const hex = /^([0-9A-Fa-f]{32}):[0-9A-Fa-f]{4}$/.exec(text)?.[1];
  if (hex === undefined) return undefined;
  const bytes = Uint8Array.from({ length: 16 }, (_, i) => {
    const at = LITTLE_ENDIAN ? (i & ~3) + 3 - (i & 3) : i;
    return parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  });
  return addressFromBytes(bytes);
}

function read(table: string): string {
  try {
    return readFileSync(table, 'utf8');
  } catch {
    return '';
  }
}
