/** Protocol numbers that decide how a packet is read (IANA registry). */
export const PROTOCOL = {
  hopByHop: 0,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  none: 59,
  destinationOptions: 60,
  mobility: 135,
  hip: 139,
  shim6: 140, // RFC 5533 §17
} as const;
