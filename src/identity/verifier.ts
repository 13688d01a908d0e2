import { isUsableLocator, type Address } from '../wire/address.js';
import { VERIFICATION_METHOD } from '../wire/shim6/constants.js';
import type { LocatorList } from '../wire/shim6/message.js';

/** What came along with a locator list to prove it (RFC 5533 §5.15.4, §5.15.5). */
export interface LocatorProof {
  readonly parameters: Uint8Array | undefined;
  readonly signature: Uint8Array | undefined;
}

/** `index`: the locator whose verification method is inconsistent; undefined: the proof itself is not the ULID's. */
export type VerificationResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly index: number | undefined; readonly reason: string };

/** The verification method octet of each locator of a list of ours, and what proves them. */
export interface OwnProof extends LocatorProof {
  readonly methods: readonly number[];
}

/**
 * Says whether a locator list belongs to a ULID (RFC 5533 §7.2), and writes our own list so that a peer can say the
 * same. The whole list or nothing: one bad locator refuses it (lesson 2 of LinShim6).
 */
export interface LocatorVerifier {
  verify(ulid: Address, list: LocatorList, proof: LocatorProof): VerificationResult;
  /** Parameters that came without a list: they must be the ULID's too (RFC 5533 §7.13, §7.16, §7.20, §10.4). */
  verifyParameters(ulid: Address, parameters: Uint8Array): VerificationResult;
  /** What `verify` would cost now, in hashes of SHA-1: whoever is asked by strangers pays out of a budget. */
  cost(ulid: Address, list: LocatorList | undefined, proof: LocatorProof): number;
  /** The locators out of `candidates`, in their order, that a list of this ULID can prove; no other may be told. */
  provable(ulid: Address, candidates: readonly Address[]): readonly Address[];
  prove(ulid: Address, locators: readonly Address[], generation: number): OwnProof;
}

/** `security = "none"`: believes any unicast locator that says openly that it is not verified. For closed labs only. */
export const noVerification: LocatorVerifier = {
  verify(_ulid, list) {
    for (const [index, locator] of list.locators.entries()) {
      if (locator.method !== VERIFICATION_METHOD.none) {
        return { ok: false, index, reason: 'unsupported-verification-method' };
      }
      if (!isUsableLocator(locator.address))
        return { ok: false, index, reason: 'unusable-locator' };
    }
    return { ok: true };
  },
  // Nothing is believed because of them.
  verifyParameters: () => ({ ok: true }),
  cost: () => 0,
  provable: (_ulid, candidates) => candidates,
  prove(_ulid, locators) {
    return {
      methods: locators.map(() => VERIFICATION_METHOD.none),
      parameters: undefined,
      signature: undefined,
    };
  },
};
