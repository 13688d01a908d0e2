// SPDX-License-Identifier: Apache-2.0
// The in-kernel packet rewriter of rehome: Shim6 Payload Extension headers (RFC 5533 §5.2, §8, §11, §12) in four tcx
// programs. Needs no libbpf, no BTF and no GPL-only helper. `src/dataplane/kernel/layout.ts` mirrors the maps, structs
// and counters below; test/dataplane/kernel.layout.test.ts compares the two. Build: bpf/build.sh.
//
//   application -> route "D/128 from S/128 dev shim0" -> shim_egress -> (super-packets: segmented by the veth ->
//   shim_peer_ingress) -> bpf_redirect_neigh -> uplink_egress -> wire -> uplink_ingress -> application
#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline))
#define be16(x) __builtin_bswap16(x)
#define be32(x) __builtin_bswap32(x)
#define be64(x) __builtin_bswap64(x)

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*map_update)(void *map, const void *key, const void *value, __u64 flags) =
    (void *)BPF_FUNC_map_update_elem;
static __u64 (*now_coarse)(void) = (void *)BPF_FUNC_ktime_get_coarse_ns;
static long (*load_bytes)(const void *skb, __u32 offset, void *to, __u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*store_bytes)(void *skb, __u32 offset, const void *from, __u32 length, __u64 flags) =
    (void *)BPF_FUNC_skb_store_bytes;
static __s64 (*csum_diff)(const void *from, __u32 from_size, const void *to, __u32 to_size, __u32 seed) =
    (void *)BPF_FUNC_csum_diff;
static long (*change_tail)(void *skb, __u32 length, __u64 flags) = (void *)BPF_FUNC_skb_change_tail;
static long (*adjust_room)(void *skb, __s32 difference, __u32 mode, __u64 flags) = (void *)BPF_FUNC_skb_adjust_room;
static long (*redirect)(__u32 ifindex, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*redirect_neigh)(__u32 ifindex, void *params, int length, __u64 flags) =
    (void *)BPF_FUNC_redirect_neigh;
static void *(*ring_reserve)(void *ring, __u64 size, __u64 flags) = (void *)BPF_FUNC_ringbuf_reserve;
static void (*ring_submit)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_submit;
static void (*ring_discard)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_discard;

enum {
  L2 = 14,          // uplinks and shim0 are Ethernet; attachUplink refuses others
  IP6 = 40,         // fixed IPv6 header
  TCP_HEADER = 20,  // at least
  SHIM = 8,         // Payload Extension header
  P_BIT = 0x80,     // in octet 2 of the Shim6 header
  MOVED_MAX = 64,   // octets of Hop-by-Hop and Routing headers we step over
  PASSED_SHIM = 0x5533, // skb->tc_index: went through shim0; skb->mark belongs to the user
  EVENT_MAX = 1280,
  QUOTED = 96,      // octets of a packet that our own Packet Too Big quotes
};
// tcx verdicts (TCX_NEXT, TCX_DROP): named here because Debian 12's headers are older. PASS lets other people's programs run.
enum verdict { PASS = -1, DROP = 2 };
enum next_header { HOPOPTS = 0, TCP = 6, UDP = 17, ROUTING = 43, FRAGMENT = 44, ICMPV6 = 58, DSTOPTS = 60, SHIM6 = 140 };
enum context_flag { SHIMMED = 1 };
enum setting { DELIVER_ALL_ICMP = 1 };
enum event_kind { EVENT_ICMP = 1, EVENT_BYPASS = 2 };

// Counter n is n-th here and n-th in COUNTER_NAMES (src/dataplane/kernel/layout.ts).
enum counter {
  C_ENCODED,
  C_DECODED,
  C_SENT_UNSHIMMED,
  C_RECEIVED_UNSHIMMED,
  C_CONTROL_RECEIVED,
  C_UNKNOWN_TAG,
  C_BYPASS,
  C_ICMP_TRANSLATED,
  C_ICMP_ABSORBED,
  C_PACKET_TOO_BIG_SENT,
  C_EVENT_LOST,
  C_DROP_ULID_NOT_LOCAL,
  C_DROP_SOURCE_NOT_PEER_LOCATOR,
  C_DROP_MALFORMED,
  C_DROP_NESTED,
  C_DROP_NO_CONTEXT,
  C_DROP_NO_UPLINK,
  C_DROP_TOO_BIG,
  C_DROP_HEADERS_TOO_LONG,
  C_DROP_REWRITE_FAILED,
  C_DROP_SEGMENTED,
  COUNTERS,
};

struct address { __u32 w[4]; };
struct ip6 {
  __u32 version_class_label;
  __u16 payload_length;
  __u8 next_header;
  __u8 hop_limit;
  struct address source;
  struct address destination;
};
struct pair { struct address local; struct address peer; };
struct source_key { __u32 slot; __u32 zero; struct address source; };
struct peer_tag_key { __u64 tag; struct address peer; };

// One binding. `contexts` has two copies per slot; a reference (slot * 2 + copy) in by_ulids and by_tag flips between
// them, so that no packet sees half an update.
struct context {
  struct pair ulids;
  struct pair locators;
  __u64 local_tag;
  __u64 peer_header; // what we insert, in network order, next header 0
  __u32 slot;
  __u32 flags;
  __u32 ifindex; // uplink of locators.local; 0: none
  __u32 mtu;     // of that uplink
};

// Read by user space through mmap. Times are CLOCK_MONOTONIC nanoseconds, 0: never.
struct liveness {
  __u64 sent_packets;
  __u64 sent_bytes;
  __u64 received_packets;
  __u64 received_bytes;
  __u64 last_sent;
  __u64 last_received;
  __u64 unanswered_since;
  __u64 owed_since;
};

struct flow {
  __u64 packets;
  __u64 bytes;
  __u64 first;
  __u64 last;
  __u8 outbound;
  __u8 protocol;
  __u16 peer_port; // host order
  __u32 zero;
};

struct settings { __u32 flags; __u32 shim_ifindex; __u64 last_bypass; };
struct event { __u32 kind; __u32 slot; __u32 length; __u32 ifindex; __u8 packet[EVENT_MAX]; };

struct map_def { __u32 type, key_size, value_size, max_entries, flags; };
#define MAP(name, t, k, v, n, f) struct map_def SEC("maps") name = {t, k, v, n, f}
// max_entries of 0 is filled in by the loader.
MAP(settings, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct settings), 1, 0);
MAP(contexts, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct context), 0, 0);
MAP(by_ulids, BPF_MAP_TYPE_HASH, sizeof(struct pair), 8, 0, BPF_F_NO_PREALLOC);
MAP(by_tag, BPF_MAP_TYPE_HASH, 8, 8, 0, BPF_F_NO_PREALLOC);
MAP(by_peer_tag, BPF_MAP_TYPE_HASH, sizeof(struct peer_tag_key), 8, 0, BPF_F_NO_PREALLOC);
MAP(sources, BPF_MAP_TYPE_HASH, sizeof(struct source_key), 8, 0, BPF_F_NO_PREALLOC);
MAP(locals, BPF_MAP_TYPE_HASH, sizeof(struct address), 8, 0, BPF_F_NO_PREALLOC);
MAP(liveness, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct liveness), 0, BPF_F_MMAPABLE);
MAP(counters, BPF_MAP_TYPE_ARRAY, 4, 8, COUNTERS, BPF_F_MMAPABLE);
MAP(flows, BPF_MAP_TYPE_LRU_HASH, sizeof(struct pair), sizeof(struct flow), 0, 0);
MAP(events, BPF_MAP_TYPE_RINGBUF, 0, 0, 262144, 0);

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

SEC("tcx/shim_egress")
int shim_egress(struct __sk_buff *skb) {
  __u8 next = 0;
  struct context *context = context_sending(skb, &next);
  if (!context) return drop(C_DROP_NO_CONTEXT);
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
  struct pair ulids = {ip.source, ip.destination};
  struct context *context = context_of_ulids(&ulids);
  if (!context) {
    account_flow(skb, &ulids, ip.next_header, 1);
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

INLINE int shim6_arrives(struct __sk_buff *skb, struct ip6 *ip, __u32 skipped, __u32 at) {
  __u8 shim[8];
  if (load_bytes(skb, L2 + IP6 + skipped, shim, SHIM)) return drop(C_DROP_MALFORMED);
  if (!(shim[2] & P_BIT)) {
    count(C_CONTROL_RECEIVED);
    return PASS;
  }
  if (!is_local(&ip->destination)) return PASS; // transit
  if (shim[1] != 0) return drop(C_DROP_MALFORMED);
  if (shim[0] == SHIM6) return drop(C_DROP_NESTED);
  __u64 word;
  __builtin_memcpy(&word, shim, 8);
  __u64 tag = be64(word) & 0x00007fffffffffffULL;
  struct context *context = context_at(map_lookup(&by_tag, &tag));
  if (!context || context->local_tag != tag) {
    count(C_UNKNOWN_TAG); // on to the raw socket: the daemon answers R1bis (§7.17)
    return PASS;
  }
  struct source_key key = {context->slot, 0, ip->source};
  if (!map_lookup(&sources, &key)) return drop(C_DROP_SOURCE_NOT_PEER_LOCATOR);
  if (!is_local(&context->ulids.local)) return drop(C_DROP_ULID_NOT_LOCAL);
  return decode(skb, ip, context, skipped, at, shim[0]);
}

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
  if (skipped < 0) return PASS;
  if (next == SHIM6) return shim6_arrives(skb, &ip, skipped, at);
  if (next == ICMPV6 && skipped == 0) {
    __u8 type;
    if (load_bytes(skb, L2 + IP6, &type, 1) || is_neighbor_discovery(type)) return PASS;
    if (type >= 1 && type <= 4) return icmp_error_arrives(skb, &ip);
  }
  struct pair ulids = {ip.destination, ip.source};
  struct context *context = context_of_ulids(&ulids);
  if (!context) {
    account_flow(skb, &ulids, ip.next_header, 0);
    return PASS;
  }
  account_received(context->slot, skb->len - L2);
  count(C_RECEIVED_UNSHIMMED);
  return PASS;
}

char rehome_license[] SEC("license") = "Apache-2.0";
