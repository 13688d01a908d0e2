import { delegate } from '../../sam/mapping.js';
import { parseAddress } from '../../wire/address.js';
import { formatPrefix, parsePrefix } from '../../wire/prefix.js';
import type { NodeReport } from './report.js';

/** The example of the draft's section 4, in texts; for the lab and for what is done in memory. */
export const PREFIX_A = '2001:db8:a::/48';
export const PREFIX_B = '2001:db8:b::/56';

export type Figure7Name = 'AH' | 'AK' | 'BH' | 'BK';

/** The numbers of a site of figure 7. */
export interface Figure7Example {
  readonly prefixB: string;
  readonly subnet: string;
  /** IID infixes by the letters of the figure: gateways m and n, the host's interfaces h and k. */
  readonly infixes: Readonly<Record<'m' | 'n' | 'h' | 'k', string>>;
  readonly locals: Readonly<Record<'m' | 'n' | 'h' | 'k', string>>;
  /** The host's global addresses: provider's letter, then interface's letter. */
  readonly addresses: Readonly<Record<Figure7Name, string>>;
}

/** The draft's own (§4). Its infixes have 28 bits: no address under them can be proven. */
export const DRAFT: Figure7Example = {
  prefixB: PREFIX_B,
  subnet: 'fcf9:0:0:1::/64',
  infixes: { m: '5555', n: '6666', h: '7777', k: '8888' },
  locals: {
    m: 'fcf9::1:2f00:0:0:5555',
    n: 'fcf9::1:2f00:0:0:6666',
    h: 'fcf9::1:2f00:0:0:7777',
    k: 'fcf9::1:2f00:0:0:8888',
  },
  addresses: {
    AH: '2001:db8:a:1297:7770::',
    AK: '2001:db8:a:1298:8880::',
    BH: '2001:db8:b:12:9777:7000::',
    BK: '2001:db8:b:12:9888:8000::',
  },
};

/** The same with a /48 from both and infixes of 16 bits: delegated prefixes are /64s, which HBA can be made for. */
export const PROVABLE: Figure7Example = {
  prefixB: '2001:db8:b::/48',
  subnet: 'fcf0::/64',
  infixes: { m: '55', n: '66', h: '77', k: '88' },
  locals: {
    m: 'fcf0::1f00:0:0:55',
    n: 'fcf0::1f00:0:0:66',
    h: 'fcf0::1f00:0:0:77',
    k: 'fcf0::1f00:0:0:88',
  },
  addresses: {
    AH: '2001:db8:a:177::',
    AK: '2001:db8:a:188::',
    BH: '2001:db8:b:177::',
    BK: '2001:db8:b:188::',
  },
};

/** Addresses and prefixes per node, by the mapping. */
export function figure7Nodes({ prefixB, locals }: Figure7Example): NodeReport[] {
  const delegated = (local: string): string[] =>
    [PREFIX_A, prefixB].map((p) => formatPrefix(delegate(parsePrefix(p), parseAddress(local))));
  const { m, n, h, k } = locals;
  return [
    { name: 'gwA', addresses: [m], prefixes: [PREFIX_A] },
    { name: 'gwB', addresses: [n], prefixes: [prefixB] },
    { name: 'host', addresses: [h, k], prefixes: [...delegated(h), ...delegated(k)] },
  ];
}
