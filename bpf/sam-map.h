// The mapping between global and local addresses (draft-despres-sam-03 §3.2), and where a packet goes. The same verdicts
// as src/sam/mapping.ts, check.ts and route.ts: test/dataplane/sam.compliance.test.ts compares them.
#pragma once

enum resolved { NOBODY, CHILD, ITSELF };
enum to { TO_NONE, TO_HOST, TO_ZONE, TO_PROVIDER, TO_NOWHERE };
enum seen { SOURCES = 1, SENT = 2, IS_UP = 4, DESTINATIONS = 8, MEANT = 16, IS_DOWN = 32 };

INLINE struct scratch *clean_scratch(void) {
  __u32 zero = 0;
  struct scratch *s = map_lookup(&scratch, &zero);
  if (s) s->way.to = s->seen = 0;
  return s;
}

INLINE struct v6 host_order(const struct octets16 *a) {
  struct v6 out = {be64(a->w[0]), be64(a->w[1])};
  return out;
}
INLINE int same(const struct v6 *a, const struct v6 *b) { return a->hi == b->hi && a->lo == b->lo; }

// No branches where arithmetic does it: every branch doubles what the verifier has to follow, in every turn of every loop.
// 64 bits of an address from bit `at` (0 to 127) on, zeros behind its end.
INLINE __u64 window(const struct v6 *a, __u32 at) {
  __u64 behind = 0 - (__u64)((at >> 6) & 1);
  __u64 across = (a->hi << (at & 63)) | ((a->lo >> 1) >> (63 - (at & 63)));
  return (across & ~behind) | ((a->lo << (at & 63)) & behind);
}
INLINE int zero_from(const struct v6 *a, __u32 at) {
  __u64 behind = 0 - (__u64)((at >> 6) & 1);
  if (at >= 128) return 1;
  return !(((a->hi << (at & 63)) & ~behind) | (a->lo << (at & 63 & (__u32)behind)));
}
// All ones when a < b, for numbers far below 2^31.
INLINE __u32 less(__s32 a, __s32 b) { return (__u32)((a - b) >> 31); }

// Whom an address in this prefix designates (§3.2.3); the local address for CHILD.
INLINE int resolve(const struct entry *e, const struct v6 *a, struct v6 *local) {
  __u32 at = e->length;
  if (zero_from(a, at)) return ITSELF;
  __u32 head = window(a, at) >> 56;
  __u32 n1 = (head >> 4) & 7, n2 = head & 15;
  __u32 subnet_bits = 4 * n1, iid_bits = 8 * n2, end = at + 8 + subnet_bits + iid_bits;
  if ((head & 0x80) | (n2 & 8) | less(head, 1) | less(128, end) | less(e->most_digits, n1)) return NOBODY;
  __u64 subnet = (window(a, at + 8) >> 1) >> ((63 - subnet_bits) & 63);
  __u64 iid = (window(a, at + 8 + subnet_bits) >> 1) >> ((63 - iid_bits) & 63);
  local->hi = e->constant | n1 | subnet << ((64 - e->constant_length - subnet_bits) & 63);
  local->lo = ((__u64)n2 << 60) | (0xfULL << 56) | iid;
  return CHILD;
}

INLINE __u64 *fact(__u32 generation, __u32 kind, __u32 scope, const struct v6 *value) {
  struct fact_key key = {generation, kind, scope, *value};
  return map_lookup(&facts, &key);
}
INLINE struct entry *entry_at(__u32 index) { return map_lookup(&entries, &index); }

INLINE struct lpm_key key_of(__u32 generation, __u32 zone, const struct v6 *a) {
  __u32 high = a->hi >> 32, low = a->lo >> 32;
  struct lpm_key key = {192, generation, zone, {{be32(high), be32((__u32)a->hi), be32(low), be32((__u32)a->lo)}}};
  return key;
}
// The longest prefix of a zone that an address is in.
INLINE struct entry *longest(__u32 generation, __u32 zone, const struct v6 *a) {
  struct lpm_key key = key_of(generation, zone, a);
  __u32 *index = map_lookup(&prefixes, &key);
  return index ? entry_at(*index) : 0;
}
INLINE struct below *below_of(__u32 generation, const struct v6 *a) {
  struct lpm_key key = key_of(generation, 0, a);
  return map_lookup(&below, &key);
}
INLINE struct above *above_of(__u32 generation, const struct v6 *a) {
  struct lpm_key key = key_of(generation, 0, a);
  return map_lookup(&above, &key);
}

// Unicast of global scope: the only addresses that an inner packet may have (§2.2).
INLINE int is_link_local(const struct v6 *a) { return a->hi >> 54 == 0x3fa; }
INLINE int is_global(const struct v6 *a) {
  return a->hi >> 56 != 0xff && !is_link_local(a) && a->hi >> 57 != 0x7e && (a->hi || a->lo > 1);
}

// Ours, or somebody's below us (isBelow of route.ts).
INLINE int is_below(__u32 generation, const struct v6 *a) { return below_of(generation, a) != 0; }

INLINE void nowhere(struct way *way, __u32 reason) {
  way->to = TO_NOWHERE;
  way->reason = reason;
}

// routeBelow of route.ts
INLINE void way_below(__u32 generation, const struct v6 *destination, struct way *way) {
  struct below *b = below_of(generation, destination);
  struct v6 local;
  if (!b) return;
  if (b->region == R_HOST) {
    way->to = TO_HOST;
    return;
  }
  struct entry *e = b->region == R_CHILD ? entry_at(b->entry) : 0;
  if (!e || resolve(e, destination, &local) != CHILD) return nowhere(way, C_DROP_NO_SUCH_CHILD);
  way->to = TO_ZONE;
  way->zone = e->zone;
  way->source = e->gateway;
  way->destination = local;
}

// routeToSibling of route.ts, in one zone
INLINE void way_to_sibling(__u32 generation, const struct own *own, const struct v6 *destination, struct way *way) {
  struct v6 local;
  if (!own->zone) return;
  struct entry *e = longest(generation, own->zone - 1, destination);
  if (!e) return;
  int found = resolve(e, destination, &local);
  if (found == NOBODY) return nowhere(way, C_DROP_NO_SUCH_CHILD);
  way->to = TO_ZONE;
  way->zone = own->zone - 1;
  way->source = own->local;
  way->destination = found == CHILD ? local : e->parent;
}

// What is left of routeOut of route.ts when nobody below has the destination.
INLINE void way_by_source(__u32 generation, const struct v6 *source, const struct v6 *destination, struct way *way) {
  struct above *a = above_of(generation, source);
  if (!a) return nowhere(way, C_DROP_SOURCE_POLICY);
  way_to_sibling(generation, &a->siblings[0], destination, way);
  if (way->to == TO_NONE) way_to_sibling(generation, &a->siblings[1], destination, way);
  if (way->to != TO_NONE) return;
  if (a->region == R_PROVIDER) {
    way->to = TO_PROVIDER;
    way->ifindex = a->ifindex;
  } else if (a->region == R_ZONE) {
    way->to = TO_ZONE;
    way->zone = a->zone;
    way->source = a->local;
    way->destination = a->parent;
  } else {
    nowhere(way, C_DROP_SOURCE_POLICY);
  }
}

// Every prefix of a zone that an address is in, the longest first.
#define EACH(e, generation, zone, address) \
  struct entry *e = longest(generation, zone, address); \
  LOOP(int i = 0; i < CHAIN && e; i++, e = e->next ? entry_at(e->next - 1) : 0)

enum arrival { UP = COUNTERS + 1, DOWN, SIBLING };
struct four { struct v6 outer_source, outer_destination, source, destination; };

// checkConsistency of check.ts: an arrival, or the counter of what is wrong.
INLINE __u32 check(__u32 generation, __u32 zone, const struct four *a, struct scratch *s) {
  struct v6 local;
  {
    EACH(e, generation, zone, &a->source) {
      s->seen |= SOURCES;
      int found = resolve(e, &a->source, &local);
      if (found == NOBODY || (found == CHILD && !same(&local, &a->outer_source))) continue;
      if (found == ITSELF && !fact(generation, F_PARENT, e->index, &a->outer_source)) continue;
      s->seen |= SENT;
      if (fact(generation, F_PARENT, e->index, &a->outer_destination)) s->seen |= IS_UP;
    }
  }
  {
    EACH(e, generation, zone, &a->destination) {
      s->seen |= DESTINATIONS;
      int found = resolve(e, &a->destination, &local);
      if (found == NOBODY || (found == CHILD && !same(&local, &a->outer_destination))) continue;
      if (found == ITSELF && !fact(generation, F_PARENT, e->index, &a->outer_destination)) continue;
      s->seen |= MEANT;
      if (fact(generation, F_PARENT, e->index, &a->outer_source)) s->seen |= IS_DOWN;
    }
  }
  __u32 seen = s->seen;
  s->seen = 0;
  if (seen & SENT && seen & MEANT) return SIBLING;
  if (seen & IS_DOWN) return DOWN;
  if (seen & IS_UP) return UP;
  if (!(seen & SENT) && fact(generation, F_ZONE_PARENT, zone, &a->outer_source)) {
    if (!(seen & DESTINATIONS)) return C_DROP_DESTINATION_NOT_IN_ZONE;
    return seen & MEANT ? C_DROP_WRONG_PARENT : C_DROP_DESTINATION_MISMATCH;
  }
  if (!(seen & SOURCES)) return C_DROP_SOURCE_NOT_IN_ZONE;
  if (!(seen & SENT)) return C_DROP_SOURCE_MISMATCH;
  struct v6 nothing = {0, 0}; // there where we are a gateway of the zone
  return fact(generation, F_ZONE_PARENT, zone, &nothing) ? C_DROP_WRONG_GATEWAY : C_DROP_DESTINATION_MISMATCH;
}
