// Constants, structures and maps of the SAM programs: what src/dataplane/sam/layout.ts writes and reads, octet for octet.
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>

#define SEC(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline))
#define LOOP _Pragma("clang loop unroll(disable)") for
#define be16(x) __builtin_bswap16(x)
#define be32(x) __builtin_bswap32(x)
#define be64(x) __builtin_bswap64(x)

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*now_coarse)(void) = (void *)BPF_FUNC_ktime_get_coarse_ns;
static long (*load_bytes)(const void *skb, __u32 offset, void *to, __u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*store_bytes)(void *skb, __u32 offset, const void *from, __u32 length, __u64 flags) =
    (void *)BPF_FUNC_skb_store_bytes;
static long (*adjust_room)(void *skb, __s32 difference, __u32 mode, __u64 flags) = (void *)BPF_FUNC_skb_adjust_room;
static long (*redirect)(__u32 ifindex, __u64 flags) = (void *)BPF_FUNC_redirect;
static long (*redirect_neigh)(__u32 ifindex, void *params, int length, __u64 flags) =
    (void *)BPF_FUNC_redirect_neigh;
static void *(*ring_reserve)(void *ring, __u64 size, __u64 flags) = (void *)BPF_FUNC_ringbuf_reserve;
static void (*ring_submit)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_submit;
static void (*ring_discard)(void *data, __u64 flags) = (void *)BPF_FUNC_ringbuf_discard;

enum {
  L2 = 14,           // zone links, provider links and rehome0 are Ethernet; the loader refuses others
  IP6 = 40,          // fixed IPv6 header
  OUTER_HOP_LIMIT = 64, // RFC 2473 §6.3
  CHAIN = 4,         // prefixes of one zone that an address is in at most, one inside the other
  SIBLINGS = 2,      // zones in which a source is ours at most
  ENTRIES = 512,     // prefixes of one table, all zones together
  TABLES = 4,        // generations of entries in memory: one in use, one just left, two for slow readers
  REGIONS = 4096,    // of two tables
  FACTS = 16384,     // of two tables
  EVENT_MAX = 1504,
  ENCAPSULATION_LIMIT = 4, // RFC 2473 §4.1.1, option type
  // What the daemon is told: 200 packets a second, a quarter of a second at once.
  TELL_PRICE = 5000000,
  TELL_BURST = 250000000,
  // rehome0's own address, 02:72:68:73:61:6d: what is handed to it has to be addressed to it.
  DEVICE_MAC_LOW = 0x73687202,
  DEVICE_MAC_HIGH = 0x6d61,
  EALREADY = 114,
  DECAP_L3_IPV6 = 256, // BPF_F_ADJ_ROOM_DECAP_L3_IPV6, younger than Debian 12's headers
};
// tcx verdicts (TCX_NEXT, TCX_DROP).
enum verdict { PASS = -1, DROP = 2 };
enum next_header { HOPOPTS = 0, IPV6 = 41, ROUTING = 43, FRAGMENT = 44, ICMPV6 = 58, DSTOPTS = 60 };
// Where a region of destinations leads, and one of sources.
enum region { R_HOST = 1, R_CHILD = 2, R_PROVIDER = 3, R_ZONE = 4 };
enum fact_kind {
  F_LOCAL = 1,       // scope zone: a local address of ours -> ifindex
  F_SUBNET = 2,      // scope zone, the /64: a subnet that we have an interface in -> ifindex
  F_PARENT = 3,      // scope entry: one of the parents of that prefix
  F_ZONE_PARENT = 4, // scope zone: a parent of any prefix
  F_LINK = 5,        // an interface in a zone -> zone + 1
  F_CONSTANT = 6,    // a constant prefix, its length in the low half
};
enum event_kind { EVENT_DROP = 1, EVENT_ERROR = 2, EVENT_LIMIT = 3 };

// Counter n is n-th here and n-th in SAM_COUNTERS (src/dataplane/sam/layout.ts). Drops have the names of DropReason
// (src/sam/forward.ts) where the memory data path has them, too.
enum counter {
  C_ENCAPSULATED,
  C_DECAPSULATED,
  C_DELIVERED,
  C_ERROR_TOLD,
  C_LIMIT_TOLD,
  C_TELL_LIMITED,
  C_DROP_SOURCE_NOT_IN_ZONE,
  C_DROP_SOURCE_MISMATCH,
  C_DROP_WRONG_GATEWAY,
  C_DROP_DESTINATION_NOT_IN_ZONE,
  C_DROP_DESTINATION_MISMATCH,
  C_DROP_WRONG_PARENT,
  C_DROP_NO_SUCH_CHILD,
  C_DROP_SOURCE_POLICY,
  C_DROP_NOT_BELOW,
  C_DROP_INNER_MALFORMED,
  C_DROP_OUTER_FRAGMENT,
  C_DROP_INNER_NOT_GLOBAL,
  C_DROP_SOURCE_IS_BELOW,
  C_DROP_CONGESTION_MARK,
  C_DROP_UNENCAPSULATED,
  C_DROP_LOCAL_FROM_OUTSIDE,
  C_DROP_NO_SUCH_ADDRESS,
  C_DROP_NO_PROVIDER_LINK,
  C_DROP_NO_LINK,
  C_DROP_REWRITE_FAILED,
  COUNTERS,
};

struct octets16 { __u64 w[2]; }; // network order
struct v6 { __u64 hi, lo; };     // host order
struct ip6 {
  __u32 version_class_label;
  __u16 payload_length;
  __u8 next_header;
  __u8 hop_limit;
  struct octets16 source;
  struct octets16 destination;
};

// One prefix of one zone. `next`: the next shorter one of the zone that it lies in, plus one; 0: none.
struct entry {
  struct v6 parent;  // the one to use
  struct v6 gateway; // our local address among the parents, or zeros
  __u64 constant;    // of the zone, its upper 64 bits
  __u32 next;
  __u16 index;       // names it in F_PARENT
  __u16 zone;
  __u8 length;
  __u8 constant_length;
  __u8 most_digits; // of a subnet infix
  __u8 zero[5];
};
// User space works out which of the prefixes that an address is in decides; one look finds it here.
struct below { __u32 region; __u32 entry; };
struct own { struct v6 local; __u32 zone; __u32 zero; };
struct above {
  struct own siblings[SIBLINGS]; // zones in which the source is ours; zone is one more, 0: none
  struct v6 local, parent;       // R_ZONE
  __u32 region;
  __u32 zone;
  __u32 ifindex; // R_PROVIDER; 0: not known
  __u32 zero;
};

struct lpm_key { __u32 bits; __u32 generation; __u32 zone; struct { __u32 w[4]; } address; };
struct fact_key { __u32 generation; __u16 kind; __u16 scope; struct v6 value; };
// `ifindex`: what is ours comes in there; 0: where it is.
struct settings { __u32 generation; __u32 ifindex; __u64 paid; };
// What the programs remember while they look at one packet: in a map, so that the verifier does not follow every value.
struct way {
  __u32 to;
  __u32 reason; // a counter, for TO_NOWHERE
  __u32 zone;
  __u32 ifindex; // of the provider
  struct v6 source, destination;
};
struct scratch { struct way way; __u32 seen; __u32 zero; };
struct event { __u32 kind; __u32 reason; __u32 length; __u32 zone; __u32 ifindex; __u32 zero; __u8 packet[EVENT_MAX]; };

struct map_def { __u32 type, key_size, value_size, max_entries, flags; };
#define MAP(name, t, k, v, n, f) struct map_def SEC("maps") name = {t, k, v, n, f}
MAP(settings, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct settings), 1, 0);
MAP(entries, BPF_MAP_TYPE_ARRAY, 4, sizeof(struct entry), ENTRIES * TABLES, 0);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct lpm_key), 4, ENTRIES * TABLES, BPF_F_NO_PREALLOC);
MAP(below, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct lpm_key), sizeof(struct below), REGIONS, BPF_F_NO_PREALLOC);
MAP(above, BPF_MAP_TYPE_LPM_TRIE, sizeof(struct lpm_key), sizeof(struct above), REGIONS, BPF_F_NO_PREALLOC);
MAP(facts, BPF_MAP_TYPE_HASH, sizeof(struct fact_key), 8, FACTS, BPF_F_NO_PREALLOC);
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct scratch), 1, 0);
MAP(counters, BPF_MAP_TYPE_ARRAY, 4, 8, COUNTERS, BPF_F_MMAPABLE);
MAP(events, BPF_MAP_TYPE_RINGBUF, 0, 0, 262144, 0);
