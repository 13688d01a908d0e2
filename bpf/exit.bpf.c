// SPDX-License-Identifier: Apache-2.0
// What an exit router counts and refuses (docs/decisions/exit.md): three tcx programs. The way out is chosen by the
// kernel's own rules and routes; these programs see what came of it. `src/dataplane/exit/layout.ts` mirrors the structures.
// Build: bpf/build.sh.
//
//   inside -> rules by source -> uplink: exit_sent counts, and stops what would leave by a wrong uplink
//                             -> exit0 (source of nobody, uplink down): exit_refused counts, drops, tells the daemon

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline))
#define be16(x) __builtin_bswap16(x)

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static long (*map_update)(void *map, const void *key, const void *value, __u64 flags) =
    (void *)BPF_FUNC_map_update_elem;
static __u64 (*now_coarse)(void) = (void *)BPF_FUNC_ktime_get_coarse_ns;
static long (*load_relative)(const void *skb, __u32 offset, void *to, __u32 length, __u32 start) =
    (void *)BPF_FUNC_skb_load_bytes_relative;
static void *(*ring_reserve)(void *ring, __u64 size, __u64 flags) = (void *)BPF_FUNC_ringbuf_reserve;
static void (*ring_submit)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_submit;
static void (*ring_discard)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_discard;

enum {
  IP6 = 40,
  ETHERTYPE_IPV6 = 0x86dd,
  FROM_NETWORK_HEADER = 1, // BPF_HDR_START_NET
  UPLINKS = 16,
  PREFIXES = 64,
  QUOTE = 1232,            // an ICMPv6 error has 1280 octets at most (RFC 4443 §2.4 (c))
  ASKERS = 4096,
  // Notices: one in 100 ms for a source, 1,000 a second in all, 200 at once. Nanoseconds.
  ASKER_PRICE = 100000000,
  PRICE = 1000000,
  BURST = 200000000,
};
enum verdict { PASS = -1, DROP = 2 };
// Counter n is n-th here and n-th in EXIT_COUNTERS (src/dataplane/exit/layout.ts). Sums are of all uplinks.
enum counter { E_UNKNOWN_SOURCE, E_WRONG_UPLINK, E_NOTICE_NOT_SENT, E_COUNTERS };
enum reason { UNKNOWN_SOURCE = 1, UPLINK_DOWN = 2, WRONG_UPLINK = 3 };
enum uplink_flag { GUARD = 1 }; // nothing of the site is behind this interface

struct address { __u32 w[4]; };
struct prefix_key { __u32 length; struct address address; };
// What one uplink has carried and refused.
struct tally { __u64 sent_packets, sent_bytes, received_packets, received_bytes, refused_packets, spare[3]; };
struct interface { __u32 uplinks; __u32 flags; }; // uplinks: one bit for each that is reached by it
struct event { __u32 reason; __u32 uplink; __u32 length; __u32 ifindex; __u8 packet[QUOTE]; };

struct map_def { __u32 type, key_size, value_size, max_entries, flags; };
#define MAP(name, t, k, v, n, f) struct map_def SEC("maps") name = {t, k, v, n, f}
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct prefix_key), 4, PREFIXES, BPF_F_NO_PREALLOC);
MAP(interfaces, BPF_MAP_TYPE_HASH, 4, sizeof(struct interface), 64, BPF_F_NO_PREALLOC);
MAP(tallies, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct tally), UPLINKS, BPF_F_MMAPABLE);
MAP(counters, BPF_MAP_TYPE_ARRAY, 4, 8, E_COUNTERS, BPF_F_MMAPABLE);
MAP(bucket, BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
MAP(askers, BPF_MAP_TYPE_LRU_HASH, sizeof(struct address), 8, ASKERS, 0);
MAP(events, BPF_MAP_TYPE_RINGBUF, 0, 0, 524288, 0);

INLINE void count(__u32 counter) {
  __u64 *value = map_lookup(&counters, &counter);
  if (value) __sync_fetch_and_add(value, 1);
}
// Link-local, multicast, unspecified: never routed out, and nobody's to refuse.
INLINE int of_the_link(const struct address *a) {
  __u32 first = __builtin_bswap32(a->w[0]);
  if (first >> 24 == 0xff || (first & 0xffc00000) == 0xfe800000) return 1;
  return !(first | a->w[1] | a->w[2] | a->w[3]);
}
// The uplink that an address belongs to, by the longest prefix.
INLINE __u32 *uplink_of(const struct address *a) {
  struct prefix_key key = {128, *a};
  return map_lookup(&prefixes, &key);
}
INLINE struct tally *tally_of(__u32 uplink) { return map_lookup(&tallies, &uplink); }

// Whether the daemon may be asked to write to this source now. Races between processors let a few more through.
INLINE int may_tell(const struct address *source) {
  __u64 now = now_coarse();
  __u64 *last = map_lookup(&askers, source);
  if (last) {
    if (now < *last + ASKER_PRICE) return 0;
    *last = now;
  } else {
    map_update(&askers, source, &now, BPF_ANY);
  }
  __u32 zero = 0;
  __u64 *paid = map_lookup(&bucket, &zero);
  if (!paid) return 0;
  __u64 until = *paid;
  if (until < now - BURST) until = now - BURST;
  if (until > now) return 0;
  *paid = until + PRICE;
  return 1;
}

INLINE int refuse(struct __sk_buff *skb, const struct address *source, __u32 reason, __u32 uplink) {
  struct tally *tally = reason == UNKNOWN_SOURCE ? 0 : tally_of(uplink);
  if (tally) __sync_fetch_and_add(&tally->refused_packets, 1);
  if (reason == UNKNOWN_SOURCE) count(E_UNKNOWN_SOURCE);
  if (reason == WRONG_UPLINK) count(E_WRONG_UPLINK);
  if (!may_tell(source)) {
    count(E_NOTICE_NOT_SENT);
    return DROP;
  }
  struct event *event = ring_reserve(&events, sizeof(struct event), 0);
  if (!event) {
    count(E_NOTICE_NOT_SENT);
    return DROP;
  }
  event->reason = reason;
  event->uplink = uplink;
  event->ifindex = skb->ingress_ifindex;
  // Segments that are still one super-packet are quoted by their beginning, like every packet longer than the quote.
  __u16 payload = 0;
  load_relative(skb, 4, &payload, 2, FROM_NETWORK_HEADER);
  __u32 length = IP6 + be16(payload);
  if (length == IP6 || length > QUOTE) length = QUOTE;
  for (int i = 0; i < 2; i++) {
    if (length < IP6 || length > QUOTE) break;
    event->length = length;
    if (!load_relative(skb, 0, event->packet, length, FROM_NETWORK_HEADER)) {
      ring_submit(event, 0);
      return DROP;
    }
    length = IP6;
  }
  ring_discard(event, 0);
  return DROP;
}

INLINE int addresses(struct __sk_buff *skb, struct address *source, struct address *destination) {
  if (skb->protocol != be16(ETHERTYPE_IPV6)) return -1;
  if (load_relative(skb, 8, source, 16, FROM_NETWORK_HEADER)) return -1;
  if (load_relative(skb, 24, destination, 16, FROM_NETWORK_HEADER)) return -1;
  return of_the_link(source) || of_the_link(destination) ? -1 : 0;
}

SEC("tcx/exit_refused") int exit_refused(struct __sk_buff *skb) {
  struct address source, destination;
  if (addresses(skb, &source, &destination)) return DROP;
  __u32 *uplink = uplink_of(&source);
  return uplink ? refuse(skb, &source, UPLINK_DOWN, *uplink) : refuse(skb, &source, UNKNOWN_SOURCE, 0);
}

SEC("tcx/exit_sent") int exit_sent(struct __sk_buff *skb) {
  struct address source, destination;
  if (addresses(skb, &source, &destination)) return PASS;
  __u32 ifindex = skb->ifindex;
  struct interface *interface = map_lookup(&interfaces, &ifindex);
  if (!interface) return PASS;
  __u32 *uplink = uplink_of(&source);
  if (uplink && (interface->uplinks >> (*uplink & 31)) & 1) {
    // An uplink may be another router on the site's own link: what goes to the site does not go out.
    struct tally *tally = uplink_of(&destination) ? 0 : tally_of(*uplink);
    if (!tally) return PASS;
    __sync_fetch_and_add(&tally->sent_packets, skb->gso_segs > 1 ? skb->gso_segs : 1);
    __sync_fetch_and_add(&tally->sent_bytes, skb->len);
    return PASS;
  }
  // What this router sends itself has a source that the kernel chose; it may be one of the link's.
  if (!(interface->flags & GUARD) || !skb->ingress_ifindex) return PASS;
  return uplink ? refuse(skb, &source, WRONG_UPLINK, *uplink) : refuse(skb, &source, UNKNOWN_SOURCE, 0);
}

SEC("tcx/exit_received") int exit_received(struct __sk_buff *skb) {
  struct address source, destination;
  if (addresses(skb, &source, &destination)) return PASS;
  __u32 ifindex = skb->ifindex;
  struct interface *interface = map_lookup(&interfaces, &ifindex);
  __u32 *uplink = interface ? uplink_of(&destination) : 0;
  if (!uplink || !((interface->uplinks >> (*uplink & 31)) & 1) || uplink_of(&source)) return PASS;
  struct tally *tally = tally_of(*uplink);
  if (!tally) return PASS;
  __sync_fetch_and_add(&tally->received_packets, skb->gso_segs > 1 ? skb->gso_segs : 1);
  __sync_fetch_and_add(&tally->received_bytes, skb->len);
  return PASS;
}

char exit_license[] SEC("license") = "Apache-2.0";
