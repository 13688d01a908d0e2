import { delegate } from '../../sam/mapping.js';
import { parseAddress } from '../../wire/address.js';
import { formatPrefix, parsePrefix } from '../../wire/prefix.js';
import type { NodeReport } from './report.js';

/** The example of the draft's section 4, in texts; for the lab and for what is done in memory. */
export const PREFIX_A = '2001:db8:a::/48';
export const PREFIX_B = '2001:db8:b::/56';

/** Local addresses by the letters of figure 7: gateways m and n, the host's interfaces h and k. */
export const LOCALS = {
  m: 'fcf9::1:2f00:0:0:5555',
  n: 'fcf9::1:2f00:0:0:6666',
  h: 'fcf9::1:2f00:0:0:7777',
  k: 'fcf9::1:2f00:0:0:8888',
} as const;

/** The host's global addresses: provider's letter, then interface's letter. */
export const SAM_ADDRESSES = {
  AH: '2001:db8:a:1297:7770::',
  AK: '2001:db8:a:1298:8880::',
  BH: '2001:db8:b:12:9777:7000::',
  BK: '2001:db8:b:12:9888:8000::',
} as const;
export type Figure7Name = keyof typeof SAM_ADDRESSES;

/** Addresses and prefixes per node, by the mapping. */
export function figure7Nodes(): NodeReport[] {
  const delegated = (local: string): string[] =>
    [PREFIX_A, PREFIX_B].map((p) => formatPrefix(delegate(parsePrefix(p), parseAddress(local))));
  const { m, n, h, k } = LOCALS;
  return [
    { name: 'gwA', addresses: [m], prefixes: [PREFIX_A] },
    { name: 'gwB', addresses: [n], prefixes: [PREFIX_B] },
    { name: 'host', addresses: [h, k], prefixes: [...delegated(h), ...delegated(k)] },
  ];
}
