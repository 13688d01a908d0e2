// Constants, structures and maps: what src/dataplane/kernel/layout.ts writes and reads, octet for octet.
#pragma once

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
  FIRST_IN_CONTEXT = 64, // message types from here on carry the receiver's context tag (RFC 5533 §5)
  // Packets of strangers: kinds of message, sites (slots of a hash), and what one packet costs in nanoseconds. 8,000 a
  // second of each kind, 2,000 of them from one site, and a quarter of a second at once.
  STRANGER_KINDS = 8,
  PAYLOAD_OF_STRANGERS = 7,
  STRANGER_SITES = 256,
  STRANGERS_PRICE = 125000,
  STRANGERS_SITE_PRICE = 500000,
  STRANGERS_BURST = 250000000,
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
  C_DROP_FLOOD,
  C_DROP_DENIAL,
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

struct settings { __u32 flags; __u32 shim_ifindex; __u64 last_bypass; __u64 secret; };
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
MAP(strangers, BPF_MAP_TYPE_ARRAY, 4, 8, STRANGER_KINDS * (STRANGER_SITES + 1), 0);
MAP(events, BPF_MAP_TYPE_RINGBUF, 0, 0, 262144, 0);
