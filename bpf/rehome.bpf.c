// SPDX-License-Identifier: Apache-2.0
// The in-kernel packet rewriter of rehome: Shim6 Payload Extension headers (RFC 5533 §5.2, §8, §11, §12) in four tcx
// programs. Needs no libbpf, no BTF and no GPL-only helper. `src/dataplane/kernel/layout.ts` mirrors the structures and
// counters of layout.h; test/dataplane/kernel.layout.test.ts compares the two. Build: bpf/build.sh.
//
//   application -> route "D/128 from S/128 dev shim0" -> shim_egress -> (super-packets: segmented by the veth ->
//   shim_peer_ingress) -> bpf_redirect_neigh -> uplink_egress -> wire -> uplink_ingress -> application

#include "layout.h"

INLINE void count(__u32 counter) {
  __u64 *value = map_lookup(&counters, &counter);
  if (value) __sync_fetch_and_add(value, 1);
}
INLINE int drop(__u32 counter) {
  count(counter);
  return DROP;
}
INLINE int same(const struct address *a, const struct address *b) {
  return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

// Unicast, and neither link-local, loopback nor unspecified: the only addresses that can be ULIDs or locators.
INLINE int usable(const struct address *a) {
  __u32 first = be32(a->w[0]);
  if (first >> 24 == 0xff || (first & 0xffc00000) == 0xfe800000) return 0;
  return first | a->w[1] | a->w[2] | (be32(a->w[3]) > 1 ? 1 : 0);
}
INLINE int is_local(const struct address *a) { return map_lookup(&locals, a) != 0; }

INLINE struct context *context_at(const __u64 *reference) {
  if (!reference) return 0;
  __u32 index = *(volatile const __u64 *)reference;
  return map_lookup(&contexts, &index);
}
INLINE struct context *context_of_ulids(const struct pair *ulids) {
  struct context *context = context_at(map_lookup(&by_ulids, ulids));
  // Elements are recycled: believe the binding, not the key that led to it.
  if (context && same(&context->ulids.local, &ulids->local) && same(&context->ulids.peer, &ulids->peer)) return context;
  return 0;
}

INLINE void account_sent(__u32 slot, __u64 packets, __u64 bytes) {
  struct liveness *live = map_lookup(&liveness, &slot);
  if (!live) return;
  __u64 now = now_coarse();
  __sync_fetch_and_add(&live->sent_packets, packets);
  __sync_fetch_and_add(&live->sent_bytes, bytes);
  live->last_sent = now;
  live->owed_since = 0;
  if (!live->unanswered_since) live->unanswered_since = now;
}
INLINE void account_received(__u32 slot, __u64 bytes) {
  struct liveness *live = map_lookup(&liveness, &slot);
  if (!live) return;
  __u64 now = now_coarse();
  __sync_fetch_and_add(&live->received_packets, 1);
  __sync_fetch_and_add(&live->received_bytes, bytes);
  live->last_received = now;
  live->unanswered_since = 0;
  if (!live->owed_since) live->owed_since = now;
}

INLINE void account_flow(struct __sk_buff *skb, const struct pair *key, __u8 protocol, int outbound) {
  __u16 ports[2] = {0, 0};
  __u16 peer_port = 0;
  if (protocol == FRAGMENT) load_bytes(skb, L2 + IP6, &protocol, 1);
  else if ((protocol == TCP || protocol == UDP) && !load_bytes(skb, L2 + IP6, ports, 4))
    peer_port = be16(outbound ? ports[1] : ports[0]);
  __u64 now = now_coarse();
  struct flow *flow = map_lookup(&flows, key);
  if (flow) {
    __sync_fetch_and_add(&flow->packets, 1);
    __sync_fetch_and_add(&flow->bytes, skb->len - L2);
    flow->last = now;
    flow->protocol = protocol;
    flow->peer_port = peer_port;
    return;
  }
  if (!is_local(&key->local)) return; // transit traffic of a host that also forwards
  struct flow fresh = {1, skb->len - L2, now, now, outbound, protocol, peer_port, 0};
  map_update(&flows, key, &fresh, BPF_NOEXIST);
}

INLINE void tell(struct __sk_buff *skb, __u32 kind, __u32 slot, __u32 length) {
  struct event *event = ring_reserve(&events, sizeof(struct event), 0);
  if (!event) {
    count(C_EVENT_LOST);
    return;
  }
  event->kind = kind;
  event->slot = slot;
  event->ifindex = skb->ifindex;
  if (length > EVENT_MAX) length = EVENT_MAX;
  event->length = length;
  if (length > 0 && load_bytes(skb, L2, event->packet, length)) {
    ring_discard(event, 0);
    return;
  }
  ring_submit(event, 0);
}

// Octets of "routing sublayer" headers behind the fixed header (RFC 5533 §11.1): Hop-by-Hop, Routing, and a Destination
// Options header that a Routing header follows. `*at` is the offset of the Next Header octet that ends them, `*next` its
// value. -1: longer than MOVED_MAX.
INLINE int routing_sublayer(struct __sk_buff *skb, __u8 first, __u32 *at, __u8 *next) {
  __u32 length = 0;
  __u32 end = 0;
  __u32 pointer = L2 + 6;
  *at = pointer;
  *next = first;
  for (int i = 0; i < 4; i++) {
    __u8 header[2];
    if (first != HOPOPTS && first != ROUTING && first != DSTOPTS) break;
    if (load_bytes(skb, L2 + IP6 + length, header, 2)) break;
    pointer = L2 + IP6 + length;
    length += (header[1] + 1) * 8;
    if (length > MOVED_MAX) return -1;
    // A Destination Options header counts only when a Routing header comes behind it.
    if (first != DSTOPTS || header[0] == ROUTING) {
      end = length;
      *at = pointer;
      *next = header[0];
    }
    first = header[0];
  }
  return end;
}

// Inserts the Payload Extension header and the locators. The transport checksum stays: it covers the ULIDs (§11.1).
INLINE int encode(struct __sk_buff *skb, struct context *context) {
  struct { struct ip6 ip; __u64 shim; } out;
  __u8 moved[MOVED_MAX];
  __u32 at;
  __u8 next;
  if (load_bytes(skb, L2, &out.ip, IP6)) return drop(C_DROP_MALFORMED);
  int skipped = routing_sublayer(skb, out.ip.next_header, &at, &next);
  if (skipped < 0) return drop(C_DROP_HEADERS_TOO_LONG);
  if (skipped >= 8 && skipped <= MOVED_MAX && load_bytes(skb, L2 + IP6, moved, skipped))
    return drop(C_DROP_MALFORMED);
  out.ip.payload_length = be16(be16(out.ip.payload_length) + SHIM);
  out.ip.source = context->locators.local;
  out.ip.destination = context->locators.peer;
  out.shim = context->peer_header;
  *(__u8 *)&out.shim = next;
  if (adjust_room(skb, SHIM, BPF_ADJ_ROOM_NET, 0)) return drop(C_DROP_REWRITE_FAILED);
  if (skipped < 8) {
    out.ip.next_header = SHIM6;
    if (store_bytes(skb, L2, &out, IP6 + SHIM, 0)) return drop(C_DROP_REWRITE_FAILED);
  } else {
    __u8 shim6 = SHIM6;
    if (skipped > MOVED_MAX || store_bytes(skb, L2, &out.ip, IP6, 0) ||
        store_bytes(skb, L2 + IP6, moved, skipped, 0) ||
        store_bytes(skb, L2 + IP6 + skipped, &out.shim, SHIM, 0) || store_bytes(skb, at, &shim6, 1, 0))
      return drop(C_DROP_REWRITE_FAILED);
  }
  count(C_ENCODED);
  return PASS;
}

// Turns a packet that its header would make too long into a Packet Too Big for its sender: a socket whose route is not
// ours (bound to a device, or with an old route) cannot know. The kernel believes no MTU below 1280.
INLINE int too_big(struct __sk_buff *skb, struct context *context, __u32 deliver_on) {
  struct {
    struct { struct address source, destination; __u32 length, next_header; } pseudo;
    struct { __u8 type, code; __u16 checksum; __u32 mtu; __u8 quoted[QUOTED]; } icmp;
  } m = {};
  struct ip6 ip = {be32(0x60000000), be16(sizeof(m.icmp)), ICMPV6, 64, context->ulids.peer, context->ulids.local};
  __u8 mac[6];
  count(C_DROP_TOO_BIG);
  if (context->mtu < 1280 + SHIM) return DROP;
  if (load_bytes(skb, L2, m.icmp.quoted, QUOTED)) return DROP;
  m.pseudo.source = ip.source;
  m.pseudo.destination = ip.destination;
  m.pseudo.length = be32(sizeof(m.icmp));
  m.pseudo.next_header = be32(ICMPV6);
  m.icmp.type = 2;
  m.icmp.mtu = be32(context->mtu - SHIM);
  __u64 sum = csum_diff(0, 0, &m, sizeof(m), 0);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  m.icmp.checksum = ~sum;
  if (change_tail(skb, L2 + IP6 + sizeof(m.icmp), 0)) return DROP;
  if (store_bytes(skb, L2, &ip, IP6, 0) || store_bytes(skb, L2 + IP6, &m.icmp, sizeof(m.icmp), 0)) return DROP;
  if (load_bytes(skb, 6, mac, 6) || store_bytes(skb, 0, mac, 6, 0)) return DROP; // from the device to itself
  count(C_PACKET_TOO_BIG_SENT);
  skb->tc_index = PASSED_SHIM;
  return redirect(deliver_on, BPF_F_INGRESS);
}

// Sends a packet of a context on its way: as it is, or encoded.
INLINE int forward(struct __sk_buff *skb, struct context *context) {
  if (!context->ifindex) return drop(C_DROP_NO_UPLINK);
  if (context->flags & SHIMMED) {
    if (skb->len - L2 + SHIM > context->mtu) {
      __u32 zero = 0;
      struct settings *setting = map_lookup(&settings, &zero);
      return setting ? too_big(skb, context, setting->shim_ifindex) : DROP;
    }
    if (encode(skb, context) == DROP) return DROP;
  } else {
    count(C_SENT_UNSHIMMED);
  }
  skb->tc_index = PASSED_SHIM;
  return redirect_neigh(context->ifindex, 0, 0, 0);
}

INLINE struct context *context_sending(struct __sk_buff *skb, __u8 *next) {
  struct ip6 ip;
  if (skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return 0;
  *next = ip.next_header;
  struct pair ulids = {ip.source, ip.destination};
  return context_of_ulids(&ulids);
}

// The kernel answers a control message with "no such protocol" when the daemon's socket is full of a flood. Its sender
// would believe that there is no Shim6 here (RFC 5533 §7.8).
INLINE int denies_shim6(struct __sk_buff *skb, __u8 next) {
  struct { __u8 type; __u8 code; __u16 checksum; __u32 pointer; } error;
  __u8 protocol = 0;
  if (next != ICMPV6 || load_bytes(skb, L2 + IP6, &error, sizeof(error)) || error.type != 4 || error.code != 1) return 0;
  __u32 pointer = be32(error.pointer);
  if (pointer > QUOTED || load_bytes(skb, L2 + IP6 + sizeof(error) + pointer, &protocol, 1)) return 0;
  return protocol == SHIM6;
}

SEC("tcx/shim_egress")
int shim_egress(struct __sk_buff *skb) {
  __u8 next = 0;
  struct context *context = context_sending(skb, &next);
  if (!context) return drop(C_DROP_NO_CONTEXT);
  if (denies_shim6(skb, next)) return drop(C_DROP_DENIAL);
  if (next == SHIM6) {
    // Control between the ULIDs, of a ULID that no uplink has any more: neither payload nor rewritten.
    if (!context->ifindex) return drop(C_DROP_NO_UPLINK);
    skb->tc_index = PASSED_SHIM;
    return redirect_neigh(context->ifindex, 0, 0, 0);
  }
  account_sent(context->slot, skb->gso_segs ? skb->gso_segs : 1, skb->len - L2);
  // The veth has no TSO: what continues to shim0p arrives there in wire-sized pieces.
  if ((context->flags & SHIMMED) && skb->gso_size) return PASS;
  return forward(skb, context);
}

SEC("tcx/shim_peer_ingress")
int shim_peer_ingress(struct __sk_buff *skb) {
  __u8 next = 0;
  struct context *context = context_sending(skb, &next);
  if (!context) return drop(C_DROP_NO_CONTEXT);
  if ((context->flags & SHIMMED) && skb->gso_size) return drop(C_DROP_SEGMENTED);
  return forward(skb, context);
}

// Neighbor Discovery and MLD between ULIDs on one link are no payload.
INLINE int is_neighbor_discovery(__u8 type) { return (type >= 130 && type <= 137) || type == 143; }

// An answer to whatever came, from anybody, is no flow that deserves a context (RFC 4443 §2.1).
INLINE int is_icmp_error(__u8 next, __u8 type) { return next == ICMPV6 && type < 128; }

SEC("tcx/uplink_egress")
int uplink_egress(struct __sk_buff *skb) {
  struct ip6 ip;
  __u8 type = 0;
  if (skb->tc_index == PASSED_SHIM) {
    skb->tc_index = 0;
    return PASS;
  }
  if (skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return PASS;
  if (ip.next_header == SHIM6 || !usable(&ip.source) || !usable(&ip.destination)) return PASS;
  if (ip.next_header == ICMPV6 && (load_bytes(skb, L2 + IP6, &type, 1) || is_neighbor_discovery(type)))
    return PASS;
  if (denies_shim6(skb, ip.next_header)) return drop(C_DROP_DENIAL);
  struct pair ulids = {ip.source, ip.destination};
  struct context *context = context_of_ulids(&ulids);
  if (!context) {
    if (!is_icmp_error(ip.next_header, type)) account_flow(skb, &ulids, ip.next_header, 1);
    return PASS;
  }
  // The safety net: a socket with an old route, or one bound to the device. shim0 does what it always does.
  __u32 zero = 0;
  struct settings *setting = map_lookup(&settings, &zero);
  if (!setting) return PASS;
  count(C_BYPASS);
  __u64 now = now_coarse();
  if (now - setting->last_bypass > 50000000) { // told at most 20 times a second
    setting->last_bypass = now;
    tell(skb, EVENT_BYPASS, context->slot, 0);
  }
  // A socket that is bound to this device hears of errors on this device only.
  __u32 length = skb->gso_size ? skb->gso_size + IP6 + TCP_HEADER : skb->len - L2;
  if ((context->flags & SHIMMED) && length + SHIM > context->mtu) return too_big(skb, context, skb->ifindex);
  return redirect(setting->shim_ifindex, 0);
}

// Removes the header, restores the ULIDs (§12.2).
INLINE int decode(struct __sk_buff *skb, struct ip6 *ip, struct context *context, __u32 skipped, __u32 at, __u8 next) {
  __u8 moved[MOVED_MAX];
  __u32 bytes = skb->len - L2 - SHIM;
  if (skb->gso_size) return drop(C_DROP_SEGMENTED);
  if (be16(ip->payload_length) < skipped + SHIM) return drop(C_DROP_MALFORMED);
  if (skipped >= 8 && skipped <= MOVED_MAX && load_bytes(skb, L2 + IP6, moved, skipped))
    return drop(C_DROP_MALFORMED);
  ip->payload_length = be16(be16(ip->payload_length) - SHIM);
  ip->source = context->ulids.peer;
  ip->destination = context->ulids.local;
  if (adjust_room(skb, -SHIM, BPF_ADJ_ROOM_NET, 0)) return drop(C_DROP_REWRITE_FAILED);
  if (skipped >= 8) {
    if (skipped > MOVED_MAX || store_bytes(skb, L2 + IP6, moved, skipped, BPF_F_RECOMPUTE_CSUM))
      return drop(C_DROP_REWRITE_FAILED);
  }
  if (store_bytes(skb, L2, ip, IP6, BPF_F_RECOMPUTE_CSUM) || store_bytes(skb, at, &next, 1, BPF_F_RECOMPUTE_CSUM))
    return drop(C_DROP_REWRITE_FAILED);
  account_received(context->slot, bytes);
  count(C_DECODED);
  return PASS;
}

#include "strangers.h"

INLINE int shim6_arrives(struct __sk_buff *skb, struct ip6 *ip, __u32 skipped, __u32 at) {
  __u8 shim[8];
  if (load_bytes(skb, L2 + IP6 + skipped, shim, SHIM)) return drop(C_DROP_MALFORMED);
  if (!is_local(&ip->destination)) return PASS; // transit
  if (!(shim[2] & P_BIT)) {
    if (!control_passes(skb, L2 + IP6 + skipped, &ip->source)) return drop(C_DROP_FLOOD);
    count(C_CONTROL_RECEIVED);
    return PASS;
  }
  if (shim[1] != 0) return drop(C_DROP_MALFORMED);
  if (shim[0] == SHIM6) return drop(C_DROP_NESTED);
  __u64 word;
  __builtin_memcpy(&word, shim, 8);
  __u64 tag = be64(word) & 0x00007fffffffffffULL;
  struct context *context = context_at(map_lookup(&by_tag, &tag));
  if (!context || context->local_tag != tag) {
    if (!stranger_passes(PAYLOAD_OF_STRANGERS, &ip->source)) return drop(C_DROP_FLOOD);
    count(C_UNKNOWN_TAG); // on to the raw socket: the daemon answers R1bis (§7.17)
    return PASS;
  }
  struct source_key key = {context->slot, 0, ip->source};
  if (!map_lookup(&sources, &key)) return drop(C_DROP_SOURCE_NOT_PEER_LOCATOR);
  if (!is_local(&context->ulids.local)) return drop(C_DROP_ULID_NOT_LOCAL);
  return decode(skb, ip, context, skipped, at, shim[0]);
}

#include "icmp.h"

SEC("tcx/uplink_ingress")
int uplink_ingress(struct __sk_buff *skb) {
  struct ip6 ip;
  __u32 at;
  __u8 next;
  if (skb->protocol != be16(0x86dd) || load_bytes(skb, L2, &ip, IP6)) return PASS;
  if (!usable(&ip.source) || !usable(&ip.destination)) return PASS;
  if (skb->tc_index == PASSED_SHIM) { // our own Packet Too Big
    skb->tc_index = 0;
    return PASS;
  }
  int skipped = routing_sublayer(skb, ip.next_header, &at, &next);
  __u8 type = 0;
  if (skipped < 0) return PASS;
  if (next == SHIM6) return shim6_arrives(skb, &ip, skipped, at);
  if (next == ICMPV6 && skipped == 0) {
    if (load_bytes(skb, L2 + IP6, &type, 1) || is_neighbor_discovery(type)) return PASS;
    if (type >= 1 && type <= 4) return icmp_error_arrives(skb, &ip);
  }
  struct pair ulids = {ip.destination, ip.source};
  struct context *context = context_of_ulids(&ulids);
  if (!context) {
    if (!is_icmp_error(ip.next_header, type)) account_flow(skb, &ulids, ip.next_header, 0);
    return PASS;
  }
  account_received(context->slot, skb->len - L2);
  count(C_RECEIVED_UNSHIMMED);
  return PASS;
}

char rehome_license[] SEC("license") = "Apache-2.0";
