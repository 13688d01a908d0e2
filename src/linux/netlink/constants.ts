/** linux/netlink.h and linux/rtnetlink.h, the part we use. */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;
export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;
export const RTM_NEWPREFIX = 52;
export const RTM_NEWADDRLABEL = 72;
export const RTM_DELADDRLABEL = 73;
export const RTM_GETADDRLABEL = 74;

/** Multicast groups of rtnetlink. */
export const GROUPS = {
  link: 1,
  neighbour: 3,
  address6: 9,
  route6: 11,
  prefix6: 18,
  rule6: 19,
} as const;
export type Group = keyof typeof GROUPS;

export const AF_UNSPEC = 0;
export const AF_INET6 = 10;

/**
 * Marks what rehome added (`ip -6 route show proto 140`): the next header value of Shim6. Not taken in
 * iproute2's rt_protos. Used as rtm_protocol, FRA_PROTOCOL and IFA_PROTO.
 */
export const RTPROT_REHOME = 140;

/** Addresses and routes that SAM has made and that the care of identities (daemon/identity) must leave alone. */
export const RTPROT_SAM = 141;
