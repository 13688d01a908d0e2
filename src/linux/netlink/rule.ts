import { UNSPECIFIED } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import {
  AF_INET6,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
  RTPROT_REHOME,
} from './constants.js';
import {
  address as addressAttribute,
  concat,
  decodeAttributes,
  needLength,
  readAddress,
  readText,
  readU32,
  readU8,
  text,
  u32,
  u8,
  type NetlinkRequest,
} from './message.js';

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_PROTOCOL = 21;
const FIB_RULE_INVERT = 2;

const ACTIONS = { table: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
export type RuleAction = keyof typeof ACTIONS;

export interface Rule {
  readonly priority: number;
  readonly action: RuleAction | 'other';
  readonly from: Prefix;
  readonly to: Prefix;
  readonly table: number;
  readonly inputInterface: string | undefined;
  readonly outputInterface: string | undefined;
  readonly mark: number | undefined;
  readonly markMask: number | undefined;
  /** Routes of this prefix length or shorter are passed over (0: the default route). */
  readonly suppressPrefixLength: number | undefined;
  readonly inverted: boolean;
  /** RTPROT_REHOME: ours. 2: the kernel's. */
  readonly protocol: number;
}

export interface NewRule {
  readonly priority: number;
  /** Default `table`. */
  readonly action?: RuleAction;
  readonly from?: Prefix;
  readonly to?: Prefix;
  /** Needed for action `table`; may exceed 255. */
  readonly table?: number;
  /** Needed for action `goto`: the priority where the search goes on. */
  readonly target?: number;
  readonly inputInterface?: string;
  readonly outputInterface?: string;
  readonly mark?: number;
  readonly markMask?: number;
  readonly suppressPrefixLength?: number;
  readonly inverted?: boolean;
  /** Default RTPROT_REHOME. */
  readonly protocol?: number;
}

export const dumpRules = (): NetlinkRequest => ({
  type: RTM_GETRULE,
  flags: NLM_F_DUMP,
  payload: Uint8Array.of(AF_INET6, ...new Uint8Array(11)),
});

function body(rule: NewRule): Uint8Array {
  const table = rule.table ?? 0;
  const fixed = new Uint8Array(12);
  fixed[0] = AF_INET6;
  fixed[1] = rule.to?.length ?? 0;
  fixed[2] = rule.from?.length ?? 0;
  fixed[4] = table > 255 ? 0 : table;
  fixed[7] = ACTIONS[rule.action ?? 'table'];
  fixed[8] = rule.inverted ? FIB_RULE_INVERT : 0;
  const parts = [fixed, u32(FRA_PRIORITY, rule.priority)];
  if (table !== 0) parts.push(u32(FRA_TABLE, table));
  if (rule.target !== undefined) parts.push(u32(FRA_GOTO, rule.target));
  if (rule.to && rule.to.length > 0) parts.push(addressAttribute(FRA_DST, rule.to.address));
  if (rule.from && rule.from.length > 0) parts.push(addressAttribute(FRA_SRC, rule.from.address));
  if (rule.inputInterface !== undefined) parts.push(text(FRA_IIFNAME, rule.inputInterface));
  if (rule.outputInterface !== undefined) parts.push(text(FRA_OIFNAME, rule.outputInterface));
  if (rule.mark !== undefined) parts.push(u32(FRA_FWMARK, rule.mark));
  if (rule.markMask !== undefined) parts.push(u32(FRA_FWMASK, rule.markMask));
  if (rule.suppressPrefixLength !== undefined) {
    parts.push(u32(FRA_SUPPRESS_PREFIXLEN, rule.suppressPrefixLength));
  }
  parts.push(u8(FRA_PROTOCOL, rule.protocol ?? RTPROT_REHOME));
  return concat(...parts);
}

/** EEXIST when an equal rule is there. */
export const addRule = (rule: NewRule): NetlinkRequest => ({
  type: RTM_NEWRULE,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  payload: body(rule),
});

/** ENOENT when no rule matches. */
export const deleteRule = (rule: NewRule): NetlinkRequest => ({
  type: RTM_DELRULE,
  flags: 0,
  payload: body(rule),
});

/** Reads RTM_NEWRULE or RTM_DELRULE of IPv6; undefined for another family. @throws WireError REHOME_E_NETLINK. */
export function decodeRule(payload: Uint8Array): Rule | undefined {
  const view = needLength(payload, 12, 'rule');
  if (view.getUint8(0) !== AF_INET6) return undefined;
  const attributes = decodeAttributes(payload, 12);
  const action = view.getUint8(7);
  const suppress = readU32(attributes, FRA_SUPPRESS_PREFIXLEN);
  return {
    priority: readU32(attributes, FRA_PRIORITY) ?? 0,
    action:
      (Object.keys(ACTIONS) as RuleAction[]).find((name) => ACTIONS[name] === action) ?? 'other',
    from: { address: readAddress(attributes, FRA_SRC) ?? UNSPECIFIED, length: view.getUint8(2) },
    to: { address: readAddress(attributes, FRA_DST) ?? UNSPECIFIED, length: view.getUint8(1) },
    table: readU32(attributes, FRA_TABLE) ?? view.getUint8(4),
    inputInterface: readText(attributes, FRA_IIFNAME),
    outputInterface: readText(attributes, FRA_OIFNAME),
    mark: readU32(attributes, FRA_FWMARK),
    markMask: readU32(attributes, FRA_FWMASK),
    // The kernel writes -1 for "none".
    suppressPrefixLength: suppress === 0xffffffff ? undefined : suppress,
    inverted: (view.getUint32(8, true) & FIB_RULE_INVERT) !== 0,
    protocol: readU8(attributes, FRA_PROTOCOL) ?? 0,
  };
}
