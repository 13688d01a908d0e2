import { ms } from '../wire/units.js';

/** draft-despres-sam-03 §3.2: field sizes. */
export const FORMAT = {
  /** §3.2.1: the short constant prefix, `fcf0::/12`. */
  shortConstant: 0xfcfn,
  shortConstantLength: 12,
  /** §3.2.1: first octet of a /48 of RFC 4193. */
  ulaOctet: 0xfdn,
  ulaConstantLength: 48,
  subnetPrefixLength: 64,
  /** §3.2.1: where the four bits of the subnet length indicator start; the first of them is zero. */
  subnetIndicatorAt: 60,
  /** §3.2.2: the two bits kept for the future, then u = 1 and g = 1. */
  iidTag: 0xfn,
  /** §3.2.2: length indicator and tag. */
  iidHeader: 8,
  /** §3.2.3: the format bit and the two length indicators. */
  infixHeader: 8,
  /** Half-octets that 3 bits can announce. */
  maxSubnetDigits: 7,
  /** Octets behind the IID's own header. */
  maxIidOctets: 7,
} as const;

/** Our choices where the draft is silent (docs/decisions/sam-*.md). Times in milliseconds. */
export const SAM = {
  /** RFC 4862 §5.1 has 1; two, because a lost one costs an address that has to be given up later. */
  dadTransmits: 2,
  /** RFC 4861 §10 RETRANS_TIMER */
  retransTimer: 1_000,
  /** RFC 4861 §10 MAX_RTR_SOLICITATION_DELAY */
  maxStartDelay: 1_000,
  /** RFC 4861 §10 RTR_SOLICITATION_INTERVAL, MAX_RTR_SOLICITATIONS */
  solicitationInterval: 4_000,
  maxSolicitations: 3,
  /** Collisions in a row before the first pause. */
  maxAttempts: 10,
  firstPause: 10_000,
  maxPause: 300_000,
  /** A holder announces its address: three times soon, then now and then, so that lost probes are made good. */
  earlyAnnouncements: 3,
  earlyAnnounceInterval: 2_000,
  announceInterval: 120_000,
  /** Infixes seen taken that are remembered. */
  maxTaken: 1_024,

  /** Router Advertisements (RFC 4861 §6.2.1, §10). */
  minAdvertisementInterval: 20_000,
  maxAdvertisementInterval: 60_000,
  maxInitialAdvertisementInterval: 16_000,
  initialAdvertisements: 3,
  minDelayBetweenAdvertisements: 3_000,
  maxAdvertisementDelay: 500,
  /** Octets of an advertisement at most: the least that any link carries (RFC 8200 §5). */
  advertisementSize: 1_280,

  /**
   * Seconds, at most, of a prefix we advertise ourselves: a gateway that falls silent is not chosen for new connections
   * after the one, and forgotten after the other.
   */
  advertisedValid: 7_200,
  advertisedPreferred: 1_800,

  /** Parameters are not taken from further away. */
  maxHopCount: 15,
  /** Prefixes kept for one zone, all parents together. */
  maxZonePrefixes: 64,
  /** A withdrawn prefix is remembered so that older advertisements do not bring it back. */
  maxTombstone: ms(7_200_000),
  /** Shorter than what anybody is delegated; `::/0` would make the whole Internet a sibling. */
  minPrefixLength: 12,

  /** RFC 2473 §6.3: of outer headers. */
  hopLimit: 64,
  /** RFC 8200 §5 */
  minMtu: 1_280,
} as const;
