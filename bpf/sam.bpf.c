// SPDX-License-Identifier: Apache-2.0
// Stateless Address Mapping (draft-despres-sam-03) in three tcx programs: global packets in local ones, checked wherever
// they are taken out again. No libbpf, no BTF, no GPL-only helper. `src/dataplane/sam/layout.ts` mirrors sam-layout.h;
// docs/decisions/sam-kernel.md says why it is so. Build: bpf/build.sh.
//
//   application -> route "default dev rehome0" -> sam_out -> bpf_redirect_neigh -> zone link -> wire
//   wire -> zone link -> sam_zone -> rehome0 -> application    or -> forwarding -> rehome0 / provider's link
//   provider's link -> sam_provider -> forwarding -> rehome0 -> sam_out -> zone link

#include "sam-layout.h"

INLINE void count(__u32 counter) {
  __u64 *value = map_lookup(&counters, &counter);
  if (value) __sync_fetch_and_add(value, 1);
}
INLINE int drop(__u32 counter) {
  count(counter);
  return DROP;
}

#include "sam-map.h"

INLINE struct settings *settings_now(void) {
  __u32 zero = 0;
  return map_lookup(&settings, &zero);
}

// Shows the daemon a packet that needs an answer or a translation: rare ones, and no more than it can take.
INLINE void tell(struct __sk_buff *skb, struct settings *setting, __u32 kind, __u32 reason, __u32 zone) {
  __u64 now = now_coarse();
  __u64 until = *(volatile __u64 *)&setting->paid;
  if (until < now) until = now;
  if (until - now > TELL_BURST) return count(C_TELL_LIMITED);
  *(volatile __u64 *)&setting->paid = until + TELL_PRICE;
  struct event *event = ring_reserve(&events, sizeof(struct event), 0);
  if (!event) return count(C_TELL_LIMITED);
  __u32 length = skb->len - L2;
  if (length > EVENT_MAX) length = EVENT_MAX;
  event->kind = kind;
  event->reason = reason;
  event->length = length;
  event->zone = zone;
  event->ifindex = skb->ifindex;
  event->zero = 0;
  if (length == 0 || load_bytes(skb, L2, event->packet, length)) return ring_discard(event, 0);
  ring_submit(event, 0);
}

INLINE int refuse(struct __sk_buff *skb, struct settings *setting, __u32 reason) {
  tell(skb, setting, EVENT_DROP, reason, 0);
  return drop(reason);
}

// Whether a packet says how often it may be encapsulated (RFC 2473 §4.1.1): in a Destination Options header before the
// first header that is no option, routing or fragment header. The daemon encapsulates those.
INLINE int is_limited(struct __sk_buff *skb, __u8 next) {
  __u32 at = L2 + IP6;
  LOOP(int i = 0; i < 6; i++) {
    __u8 header[2];
    if (next != HOPOPTS && next != ROUTING && next != DSTOPTS && next != FRAGMENT) return 0;
    if (load_bytes(skb, at, header, 2)) return 0;
    __u32 length = next == FRAGMENT ? 8 : (header[1] + 1) * 8;
    if (next == DSTOPTS) {
      __u32 option = at + 2;
      LOOP(int j = 0; j < 8; j++) {
        __u8 head[2];
        if (option + 2 > at + length || load_bytes(skb, option, head, 2)) break;
        if (head[0] == ENCAPSULATION_LIMIT && head[1] == 1) return 1;
        option += head[0] == 0 ? 1 : 2 + head[1];
      }
    }
    at += length;
    next = header[0];
  }
  return 0;
}

// Puts the packet into an outer one (RFC 2473 §3.1) and hands it to the neighbour, or to the route, of its destination.
INLINE int encapsulate(struct __sk_buff *skb, __u32 generation, struct ip6 *ip, struct way *way) {
  struct v6 subnet = {way->destination.hi, 0};
  __u64 *own = fact(generation, F_LOCAL, way->zone, &way->source);
  __u64 *near = fact(generation, F_SUBNET, way->zone, &subnet);
  __u32 ifindex = 0;
  if (own && (!near || way->source.hi == way->destination.hi)) ifindex = *own;
  else if (near) ifindex = *near;
  if (!ifindex) return drop(C_DROP_NO_LINK);
  __u32 length = skb->len - L2;
  ip->payload_length = be16(length > 65535 ? 0 : length); // super-packets are cut later, and their lengths set then
  ip->next_header = IPV6;
  ip->hop_limit = OUTER_HOP_LIMIT;
  ip->source.w[0] = be64(way->source.hi);
  ip->source.w[1] = be64(way->source.lo);
  ip->destination.w[0] = be64(way->destination.hi);
  ip->destination.w[1] = be64(way->destination.lo);
  long failed = adjust_room(skb, IP6, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 | BPF_F_ADJ_ROOM_FIXED_GSO);
  // What came out of an outer packet on a veth is still marked as encapsulated, and as a super-packet to be cut behind an
  // IPv6 header: just what it becomes again. The kernel refuses to mark it twice.
  if (failed == -EALREADY) failed = adjust_room(skb, IP6, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
  if (failed || store_bytes(skb, L2, ip, IP6, 0)) return drop(C_DROP_REWRITE_FAILED);
  count(C_ENCAPSULATED);
  // The kernel looks the route up: with a next hop of ours, a packet that waits for its neighbour would go astray, because
  // it still carries the route to rehome0.
  return redirect_neigh(ifindex, 0, 0, 0);
}

// What leaves by rehome0: packets of this host, and those that it forwards.
SEC("tcx/sam_out")
int sam_out(struct __sk_buff *skb) {
  struct ip6 ip;
  struct settings *setting = settings_now();
  struct scratch *s = clean_scratch();
  if (!setting || !s || skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return PASS;
  __u32 generation = setting->generation;
  struct v6 source = host_order(&ip.source), destination = host_order(&ip.destination);
  struct way *way = &s->way;
  // What the kernel says on the device itself goes to nobody.
  if (destination.hi >> 56 == 0xff || (!source.hi && !source.lo)) return PASS;
  if (!is_global(&source) || !is_global(&destination)) return drop(C_DROP_INNER_NOT_GLOBAL);
  way_below(generation, &destination, way);
  if (way->to == TO_NONE) way_by_source(generation, &source, &destination, way);
  if (way->to == TO_NOWHERE) return refuse(skb, setting, way->reason);
  // Ours, but the kernel has no such address: what a leaf has been delegated and does not use.
  if (way->to == TO_HOST) return refuse(skb, setting, C_DROP_NO_SUCH_ADDRESS);
  if (way->to == TO_PROVIDER) {
    if (!way->ifindex) return drop(C_DROP_NO_PROVIDER_LINK);
    return redirect_neigh(way->ifindex, 0, 0, 0);
  }
  if (is_limited(skb, ip.next_header)) {
    tell(skb, setting, EVENT_LIMIT, 0, way->zone);
    return drop(C_LIMIT_TOLD);
  }
  return encapsulate(skb, generation, &ip, way);
}

// An ICMPv6 error of a router of the zone: about an outer packet of ours, or the host's own business.
INLINE int error_arrives(struct __sk_buff *skb, struct settings *setting, __u32 at, __u32 zone) {
  __u8 type, next;
  if (load_bytes(skb, at, &type, 1) || type >= 128) return PASS;
  if (load_bytes(skb, at + 8 + 6, &next, 1) || (next != IPV6 && next != DSTOPTS)) return PASS;
  tell(skb, setting, EVENT_ERROR, 0, zone);
  return drop(C_ERROR_TOLD);
}

// Takes the inner packet out (RFC 2473 §3.3) if inner and outer addresses belong together (§5 of the draft).
INLINE int decapsulate(struct __sk_buff *skb, struct settings *setting, struct scratch *s, __u32 zone, struct ip6 *ip,
                       __u32 at) {
  struct way *way = &s->way;
  struct ip6 inner;
  struct four a;
  __u32 generation = setting->generation;
  if (load_bytes(skb, at, &inner, IP6)) return drop(C_DROP_INNER_MALFORMED);
  if ((inner.version_class_label & 0xf0) != 0x60) return drop(C_DROP_INNER_MALFORMED);
  if (!skb->gso_size && (__u32)be16(ip->payload_length) + IP6 != be16(inner.payload_length) + at - L2 + IP6)
    return drop(C_DROP_INNER_MALFORMED);
  // RFC 6040 §4.2: a mark on a packet whose sender could not be told
  __u8 mark = (ip->version_class_label >> 12) & 3, before = (inner.version_class_label >> 12) & 3, after = before;
  if (mark == 3) after = 3;
  else if (mark == 1 && before == 2) after = 1;
  if (mark == 3 && !before) return drop(C_DROP_CONGESTION_MARK);
  a.outer_source = host_order(&ip->source);
  a.outer_destination = host_order(&ip->destination);
  a.source = host_order(&inner.source);
  a.destination = host_order(&inner.destination);
  if (!is_global(&a.source) || !is_global(&a.destination)) return drop(C_DROP_INNER_NOT_GLOBAL);
  __u32 arrival = check(generation, zone, &a, s);
  if (arrival < COUNTERS) return drop(arrival);
  if (arrival == DOWN && is_below(generation, &a.source)) return drop(C_DROP_SOURCE_IS_BELOW);
  way_below(generation, &a.destination, way);
  if (way->to == TO_NONE) {
    if (arrival == UP) way_by_source(generation, &a.source, &a.destination, way);
    else nowhere(way, C_DROP_NOT_BELOW);
  }
  if (adjust_room(skb, -(__s32)(at - L2), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_L3_IPV6))
    return drop(C_DROP_REWRITE_FAILED);
  if (after != before) {
    __u8 octet = ((inner.version_class_label >> 8) & 0xcf) | (after << 4);
    if (store_bytes(skb, L2 + 1, &octet, 1, BPF_F_RECOMPUTE_CSUM)) return drop(C_DROP_REWRITE_FAILED);
  }
  if (way->to == TO_NOWHERE) return refuse(skb, setting, way->reason);
  count(C_DECAPSULATED);
  if (way->to != TO_HOST) return PASS; // the kernel forwards it
  count(C_DELIVERED);
  if (!setting->ifindex) return PASS;
  // It comes in by rehome0, where Shim6's program looks at it.
  __u32 low = DEVICE_MAC_LOW;
  __u16 high = DEVICE_MAC_HIGH;
  if (store_bytes(skb, 0, &low, 4, 0) || store_bytes(skb, 4, &high, 2, 0)) return drop(C_DROP_REWRITE_FAILED);
  return redirect(setting->ifindex, BPF_F_INGRESS);
}

SEC("tcx/sam_zone")
int sam_zone(struct __sk_buff *skb) {
  struct ip6 ip;
  struct settings *setting = settings_now();
  struct scratch *s = clean_scratch();
  if (!setting || !s || skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return PASS;
  __u32 generation = setting->generation;
  struct v6 link = {0, skb->ifindex};
  __u64 *found = fact(generation, F_LINK, 0, &link);
  if (!found) return PASS;
  __u32 zone = *found;
  struct v6 source = host_order(&ip.source), destination = host_order(&ip.destination);
  if (!fact(generation, F_LOCAL, zone, &destination)) {
    // Nobody may use an address of ours, or one that we delegate, without an outer packet to check it against.
    return is_below(generation, &source) ? drop(C_DROP_UNENCAPSULATED) : PASS;
  }
  __u8 next = ip.next_header;
  __u32 at = L2 + IP6;
  int fragment = 0;
  LOOP(int i = 0; i < 4; i++) {
    __u8 header[2];
    if (next != HOPOPTS && next != ROUTING && next != DSTOPTS && next != FRAGMENT) break;
    if (load_bytes(skb, at, header, 2)) return PASS;
    if (next == FRAGMENT) fragment = 1;
    at += next == FRAGMENT ? 8 : (header[1] + 1) * 8;
    next = header[0];
  }
  if (next == IPV6 && fragment) return drop(C_DROP_OUTER_FRAGMENT);
  if (next == IPV6 && at < 1024) return decapsulate(skb, setting, s, zone, &ip, at);
  if (next == ICMPV6 && !fragment) return error_arrives(skb, setting, at, zone);
  return is_below(generation, &source) ? drop(C_DROP_UNENCAPSULATED) : PASS;
}

INLINE int has_constant(__u32 generation, const struct v6 *a) {
  struct v6 value = {a->hi & 0xfff0000000000000ULL, 12};
  if (fact(generation, F_CONSTANT, 0, &value)) return 1;
  value.hi = a->hi & 0xffffffffffff0000ULL;
  value.lo = 48;
  return fact(generation, F_CONSTANT, 0, &value) != 0;
}

// What comes from a provider: for somebody below, or not SAM's.
SEC("tcx/sam_provider")
int sam_provider(struct __sk_buff *skb) {
  struct ip6 ip;
  struct settings *setting = settings_now();
  struct scratch *s = clean_scratch();
  if (!setting || !s || skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return PASS;
  __u32 generation = setting->generation;
  struct v6 source = host_order(&ip.source), destination = host_order(&ip.destination);
  if (destination.hi >> 56 == 0xff || is_link_local(&source) || is_link_local(&destination)) return PASS;
  if (has_constant(generation, &source) || has_constant(generation, &destination))
    return drop(C_DROP_LOCAL_FROM_OUTSIDE);
  if (is_below(generation, &source)) return drop(C_DROP_SOURCE_IS_BELOW);
  struct way *way = &s->way;
  way_below(generation, &destination, way);
  if (way->to == TO_NONE) return PASS;
  if (!is_global(&source)) return drop(C_DROP_INNER_NOT_GLOBAL);
  if (way->to == TO_NOWHERE) return refuse(skb, setting, way->reason);
  return PASS;
}

char rehome_license[] SEC("license") = "Apache-2.0";
