// How much the daemon is shown of hosts that it knows nothing of: a flood must not keep it from those it knows (RFC 4218
// §7). What names a context of ours, and comes from a locator of its peer, always passes.
#pragma once

// A leaky bucket: until when what has passed is paid for. Two processors may let one packet more through; so what.
INLINE int within(__u32 bucket, __u64 price) {
  __u64 *paid = map_lookup(&strangers, &bucket);
  if (!paid) return 1;
  __u64 now = now_coarse();
  __u64 until = *(volatile __u64 *)paid;
  if (until < now) until = now;
  if (until - now > STRANGERS_BURST) return 0;
  *(volatile __u64 *)paid = until + price;
  return 1;
}

// Each kind of message has buckets of its own, so that a flood of one does not keep out another; the first is everybody's,
// the others are shared out among sites (/48) by a secret hash.
INLINE int stranger_passes(__u32 kind, const struct address *source) {
  __u32 zero = 0;
  struct settings *setting = map_lookup(&settings, &zero);
  if (!setting) return 1;
  __u64 site = ((__u64)be32(source->w[0]) << 16) | (be32(source->w[1]) >> 16);
  __u64 hash = (site ^ setting->secret) * 0x9e3779b97f4a7c15ULL;
  __u32 base = (kind & (STRANGER_KINDS - 1)) * (STRANGER_SITES + 1);
  if (!within(base + 1 + (hash >> 56), STRANGERS_SITE_PRICE)) return 0;
  return within(base, STRANGERS_PRICE);
}

// Control messages of types 64 to 127 say whose they are: is it one of ours, between locators of it?
INLINE int names_context(const __u8 *head, const struct address *source) {
  __u64 word;
  __builtin_memcpy(&word, head + 4, 8);
  __u64 tag = be64(word) & 0x00007fffffffffffULL;
  struct context *context = context_at(map_lookup(&by_tag, &tag));
  if (!context || context->local_tag != tag) return 0;
  struct source_key key = {context->slot, 0, *source};
  return map_lookup(&sources, &key) != 0;
}

INLINE int control_passes(struct __sk_buff *skb, __u32 offset, const struct address *source) {
  __u8 head[16];
  if (load_bytes(skb, offset, head, 12)) return 0;
  __u8 type = head[2] & ~P_BIT;
  if (type < FIRST_IN_CONTEXT) return stranger_passes(type, source);
  return names_context(head, source) || stranger_passes(0, source);
}
