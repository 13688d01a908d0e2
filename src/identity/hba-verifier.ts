import type { KeyObject } from 'node:crypto';
import { isUsableLocator, type Address } from '../wire/address.js';
import { toHex } from '../wire/bytes.js';
import { RehomeError } from '../wire/errors.js';
import { maskAddress } from '../wire/prefix.js';
import { VERIFICATION_METHOD } from '../wire/shim6/constants.js';
import type { ListedLocator, LocatorList } from '../wire/shim6/message.js';
import { BoundedCache } from './bounded-cache.js';
import { decodeParameters, hasPublicKey } from './parameters.js';
import { PeerParameters } from './peer-parameters.js';
import { publicKeyOf, signLocators } from './signature.js';
import type { LocatorProof, LocatorVerifier, OwnProof, VerificationResult } from './verifier.js';

/** Addresses of ours that are proven together: an HBA set, a hybrid set, or CGAs of one key. */
export interface LocalIdentity {
  readonly addresses: readonly { readonly address: Address; readonly parameters: Uint8Array }[];
  /** Signs locators that are not of the set; needed for CGA, useless for HBA-only. */
  readonly privateKey?: KeyObject;
}

export interface HbaVerifierOptions {
  readonly identities?: Iterable<LocalIdentity>;
  /** How many peers' parameters are kept. */
  readonly peers?: number;
}

interface Own {
  readonly identity: LocalIdentity;
  readonly parameters: Uint8Array;
  /** Addresses that the HBA method proves together with this one. */
  readonly members: ReadonlySet<Address>;
  readonly maySign: boolean;
}

/** With the largest parameters about 30 MB. */
const DEFAULT_PEERS = 1024;
const SIGNATURES = 64;
/** One RSA verification in hashes (measured: 20 to 30; bench/identity.mjs). */
const SIGNATURE_COST = 30;
/** Binding parameters to a ULID: Hash1 and Hash2. */
const BINDING_COST = 2;
const { hba: HBA, cga: CGA, none: NONE } = VERIFICATION_METHOD;

/**
 * The HBA and CGA methods of RFC 5533 §7.2, for what peers say and for what we say. The whole list or nothing. Checks
 * that cost nothing come first, then hashes, one signature last.
 *
 * Our own identities come and go (renumbering): an old one stays for as long as sessions of its addresses live.
 */
export class HbaVerifier implements LocatorVerifier {
  readonly #own = new Map<Address, Own>();
  readonly #peers: BoundedCache<Address, PeerParameters>;
  readonly #signatures = new BoundedCache<string, Uint8Array>(SIGNATURES);

  constructor(options: HbaVerifierOptions = {}) {
    this.#peers = new BoundedCache(options.peers ?? DEFAULT_PEERS);
    for (const identity of options.identities ?? []) this.add(identity);
  }

  /**
   * From now on lists of these addresses can be proven.
   * @throws RehomeError REHOME_E_IDENTITY when parameters are not those of their address or of the private key
   */
  add(identity: LocalIdentity): void {
    const owned = identity.addresses.map(({ address, parameters }) => ({
      address,
      own: checkOwn(identity, address, parameters),
    }));
    for (const { address, own } of owned) this.#own.set(address, own);
  }

  /** Nothing of these addresses is proven any more. Peers are not told. */
  remove(identity: LocalIdentity): void {
    for (const { address } of identity.addresses) {
      if (this.#own.get(address)?.identity === identity) this.#own.delete(address);
    }
  }

  /** How many peers are remembered. */
  get rememberedPeers(): number {
    return this.#peers.size;
  }

  forgetPeer(ulid: Address): void {
    this.#peers.delete(ulid);
  }

  /**
   * Do these parameters belong to the ULID (RFC 5533 §7.13, §7.15, §10.4: to be verified whenever they are in a
   * message, also without a locator list)? If so they are remembered.
   */
  verifyParameters(ulid: Address, parameters: Uint8Array): VerificationResult {
    const bound = this.#bind(ulid, parameters);
    return bound.ok ? { ok: true } : { ok: false, index: undefined, reason: bound.reason };
  }

  /**
   * RFC 5533 §7.2. A locator that says "not verified" (method 254, docs/decisions/0003) is refused unless it is the
   * ULID itself: a host with one address needs no HBA and no CGA (RFC 5533 §3).
   *
   * Parameters that are absent are those that came before (RFC 5533 §10.1).
   */
  verify(ulid: Address, list: LocatorList, proof: LocatorProof): VerificationResult {
    const { locators } = list;
    const cheap = refusedByMethod(ulid, locators);
    if (cheap !== undefined) return cheap;
    const first = locators.findIndex((l) => l.method !== NONE);
    if (proof.parameters === undefined && first < 0) return { ok: true };
    const bound = this.#bind(ulid, proof.parameters);
    if (!bound.ok) {
      // Absent parameters are inconsistent with the method; wrong ones are nobody's, and get no answer (§7.13).
      const index = proof.parameters === undefined ? first : undefined;
      return { ok: false, index, reason: bound.reason };
    }
    return verifyLocators(bound.peer, list, proof.signature);
  }

  cost(ulid: Address, list: LocatorList | undefined, proof: LocatorProof): number {
    const { parameters, signature } = proof;
    const remembered = this.#peers.get(ulid);
    const known =
      parameters === undefined || remembered?.matches(parameters) ? remembered : undefined;
    let cost = parameters === undefined || known !== undefined ? 0 : BINDING_COST;
    if (list === undefined) return cost;
    if (known === undefined) cost += list.locators.filter((l) => l.method === HBA).length;
    const signed = list.locators.filter((l) => l.method === CGA).map((l) => l.address);
    if (signature === undefined || signed.length === 0) return cost;
    return known?.hasChecked(list.generation, signed, signature) ? cost : cost + SIGNATURE_COST;
  }

  /**
   * The ULID and what is proven with it by hashes; beyond that, where there is a key, an address of the newest identity
   * for each further /64. Other addresses could be signed as well, and would only make room for one of those soon.
   */
  provable(ulid: Address, candidates: readonly Address[]): readonly Address[] {
    const own = this.#own.get(ulid);
    if (own === undefined) return candidates.filter((a) => a === ulid);
    const chosen = new Set(candidates.filter((a) => a === ulid || own.members.has(a)));
    if (!own.maySign) return candidates.filter((a) => chosen.has(a));
    const covered = new Set([...chosen].map(subnetOf));
    for (const address of [...this.#own.keys()].reverse()) {
      if (covered.has(subnetOf(address)) || !candidates.includes(address)) continue;
      covered.add(subnetOf(address));
      chosen.add(address);
    }
    return candidates.filter((a) => chosen.has(a));
  }

  /** A locator that cannot be proven is marked "not verified", which peers refuse: see `provable`. */
  prove(ulid: Address, locators: readonly Address[], generation: number): OwnProof {
    const methods = locators.map((a) => this.#methodFor(ulid, a));
    const own = this.#own.get(ulid);
    const signed = locators.filter((_, i) => methods[i] === CGA);
    return {
      methods,
      parameters: own?.parameters,
      signature: own && signed.length > 0 ? this.#sign(own, generation, signed) : undefined,
    };
  }

  #methodFor(ulid: Address, locator: Address): number {
    const own = this.#own.get(ulid);
    if (own === undefined) return NONE;
    if (own.members.has(locator)) return HBA;
    return own.maySign ? CGA : NONE;
  }

  /** The same list is asked for by every I2 that comes; one signature serves them all. */
  #sign(own: Own, generation: number, locators: readonly Address[]): Uint8Array | undefined {
    const { privateKey } = own.identity;
    if (privateKey === undefined) return undefined;
    // Two sets may share a locator, not their parameters.
    const key = `${toHex(own.parameters)} ${generation} ${locators.join(' ')}`;
    let signature = this.#signatures.get(key);
    if (signature === undefined) {
      signature = signLocators(privateKey, generation, locators);
      this.#signatures.set(key, signature);
    }
    return signature;
  }

  #bind(ulid: Address, octets: Uint8Array | undefined): ReturnType<typeof PeerParameters.bind> {
    const known = this.#peers.get(ulid);
    if (known !== undefined && (octets === undefined || known.matches(octets))) {
      return { ok: true, peer: known };
    }
    if (octets === undefined) return { ok: false, reason: 'no-parameters' };
    const bound = PeerParameters.bind(ulid, octets);
    if (bound.ok) this.#peers.set(ulid, bound.peer);
    return bound;
  }
}

const subnetOf = (address: Address): Address => maskAddress(address, 64);

/** Methods that nobody supports, and addresses that nobody may offer: no octet needs hashing for those. */
function refusedByMethod(
  ulid: Address,
  locators: readonly ListedLocator[],
): VerificationResult | undefined {
  for (const [index, { address, method }] of locators.entries()) {
    const supported = method === HBA || method === CGA || (method === NONE && address === ulid);
    if (!supported) return { ok: false, index, reason: 'unsupported-verification-method' };
    if (!isUsableLocator(address)) return { ok: false, index, reason: 'unusable-locator' };
  }
  return undefined;
}

function verifyLocators(
  peer: PeerParameters,
  list: LocatorList,
  signature: Uint8Array | undefined,
): VerificationResult {
  const signed: Address[] = [];
  let firstSigned: number | undefined;
  for (const [index, { address, method }] of list.locators.entries()) {
    if (method === HBA) {
      const verdict = peer.verifyMember(address);
      if (!verdict.ok) return { ok: false, index, reason: verdict.reason };
    } else if (method === CGA) {
      const reason = signature === undefined ? 'no-signature' : peer.signatureRefusal;
      if (reason !== undefined) return { ok: false, index, reason };
      firstSigned ??= index;
      signed.push(address);
    }
  }
  if (signature === undefined || firstSigned === undefined) return { ok: true };
  return peer.checkSignature(list.generation, signed, signature)
    ? { ok: true }
    : { ok: false, index: firstSigned, reason: 'bad-signature' };
}

/** What we would be refused for is found here, not by the first peer. */
function checkOwn(identity: LocalIdentity, address: Address, octets: Uint8Array): Own {
  const wrong = (why: string): never => {
    throw new RehomeError('REHOME_E_IDENTITY', `the parameters of ${address}: ${why}`, address);
  };
  const bound = PeerParameters.bind(address, octets);
  const decoded = decodeParameters(octets);
  if (!bound.ok || !decoded.ok) return wrong(bound.ok ? 'unreadable' : bound.reason);
  const { privateKey } = identity;
  const keyed = hasPublicKey(decoded.parameters);
  if (keyed && privateKey !== undefined) {
    if (privateKey.type !== 'private') wrong('a public key cannot sign');
    if (Buffer.compare(publicKeyOf(privateKey), decoded.parameters.publicKey) !== 0) {
      wrong('another public key than that of the private key');
    }
  }
  const others = identity.addresses.map((a) => a.address);
  return {
    identity,
    parameters: new Uint8Array(octets),
    members: new Set(others.filter((a) => bound.peer.verifyMember(a).ok)),
    maySign: keyed && privateKey !== undefined && bound.peer.signatureRefusal === undefined,
  };
}
