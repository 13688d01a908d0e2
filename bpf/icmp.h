// ICMPv6 errors about encoded packets, for the transport and for the daemon (RFC 5533 §8).
#pragma once

struct embedded { __u8 type; __u8 code; __u16 checksum; __u32 value; struct ip6 ip; __u64 shim; };

// RFC 5533 §8: what the shim acts on is not passed to the transport.
INLINE int acted_upon(const struct embedded *e) {
  __u32 pointer = be32(e->value);
  if (e->type == 1) return e->code != 4 && e->code <= 6;
  if (e->type == 3) return 1;
  return e->type == 4 && (pointer == 6 || (pointer >= IP6 && pointer < IP6 + SHIM));
}

// Makes an error about an encoded packet one about the packet the transport sent. The checksum is updated, not computed
// anew: a wrong one stays wrong.
INLINE int translate_error(struct __sk_buff *skb, struct ip6 *ip, struct embedded *e, struct context *context) {
  struct { struct address destination; __u32 length, zero; struct embedded e; } before, after;
  __u16 length = be16(ip->payload_length);
  if (length < sizeof(*e)) return drop(C_DROP_MALFORMED);
  before.destination = ip->destination;
  before.length = be32(length);
  before.zero = after.zero = 0;
  before.e = *e;
  __u8 next = *(__u8 *)&e->shim;
  e->ip.source = context->ulids.local;
  e->ip.destination = context->ulids.peer;
  e->ip.next_header = next;
  e->ip.payload_length = be16(be16(e->ip.payload_length) - SHIM);
  if (e->type == 2) e->value = be32(be32(e->value) - SHIM); // Packet Too Big
  // RFC 4884 §4.2: the first octet counts the quoted datagram in 8-octet words; it loses one.
  if ((e->type == 1 || e->type == 3) && (e->value & 0xff)) e->value -= 1;
  if (e->type == 4 && be32(e->value) >= IP6 + SHIM) e->value = be32(be32(e->value) - SHIM);
  after.destination = context->ulids.local;
  after.length = be32((__u32)length - SHIM);
  after.e = *e;
  after.e.shim = 0; // removed below; zeros do not change a sum
  __u64 sum = csum_diff(&before, sizeof(before), &after, sizeof(after), (__u16)~e->checksum);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  e->checksum = ~sum;
  ip->destination = context->ulids.local;
  ip->payload_length = be16(length - SHIM);
  // Take 8 octets off behind the outer header and write the 48 that stay in front of the hole once more.
  if (adjust_room(skb, -SHIM, BPF_ADJ_ROOM_NET, 0) || store_bytes(skb, L2, ip, IP6, BPF_F_RECOMPUTE_CSUM) ||
      store_bytes(skb, L2 + IP6, e, sizeof(*e) - SHIM, BPF_F_RECOMPUTE_CSUM))
    return drop(C_DROP_REWRITE_FAILED);
  count(C_ICMP_TRANSLATED);
  return PASS;
}

INLINE int icmp_error_arrives(struct __sk_buff *skb, struct ip6 *ip) {
  struct embedded e;
  __u32 zero = 0;
  if (load_bytes(skb, L2 + IP6, &e, sizeof(e))) return PASS;
  if (!is_local(&e.ip.source)) return PASS;
  if (e.ip.next_header != SHIM6) {
    struct pair ulids = {e.ip.source, e.ip.destination};
    struct context *direct = context_of_ulids(&ulids);
    if (direct) tell(skb, EVENT_ICMP, direct->slot, skb->len - L2);
    return PASS;
  }
  if (!(((__u8 *)&e.shim)[2] & P_BIT)) { // about a control message: the daemon's alone
    tell(skb, EVENT_ICMP, ~0U, skb->len - L2);
    return PASS;
  }
  struct peer_tag_key key = {be64(e.shim) & 0x00007fffffffffffULL, e.ip.destination};
  struct context *context = context_at(map_lookup(&by_peer_tag, &key));
  if (!context) return PASS;
  tell(skb, EVENT_ICMP, context->slot, skb->len - L2);
  struct settings *setting = map_lookup(&settings, &zero);
  if (acted_upon(&e) && !(setting && (setting->flags & DELIVER_ALL_ICMP))) return drop(C_ICMP_ABSORBED);
  return translate_error(skb, ip, &e, context);
}
