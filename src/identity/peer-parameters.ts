import type { KeyObject } from 'node:crypto';
import type { Address } from '../wire/address.js';
import { toHex } from '../wire/bytes.js';
import { verifyCga, type AddressVerdict } from './cga.js';
import { HbaMembers } from './hba.js';
import { decodeParameters, hasPublicKey, type CgaParameters } from './parameters.js';
import { SHIM6_MINIMUM_KEY_BITS, keyRefusal } from './rsa-key.js';
import { checkLocators, loadPublicKey } from './signature.js';

/**
 * The parameters of one peer, found to be its ULID's. Everything that is computed from them is kept, so that a peer that
 * repeats itself costs comparisons only.
 */
export class PeerParameters {
  readonly parameters: CgaParameters;
  /** Is the ULID itself of the set? Otherwise it is a CGA, and the HBA method proves nothing. */
  readonly ulidInSet: AddressVerdict;
  readonly #members: HbaMembers;
  #key: KeyObject | undefined;
  #keyRefusal: string | undefined;
  #keyKnown = false;
  /** The list whose signature was good last: a peer repeats it in every message. */
  #signed: string | undefined;

  private constructor(parameters: CgaParameters, members: HbaMembers, ulidInSet: AddressVerdict) {
    this.parameters = parameters;
    this.#members = members;
    this.ulidInSet = ulidInSet;
  }

  /**
   * The parameters must correspond to the ULID, wherever the packet came from (RFC 5533 §7.13, §10.4; lesson 4 of
   * LinShim6). They may be those of another address of the same set (RFC 5535 §7.2).
   */
  static bind(
    ulid: Address,
    octets: Uint8Array,
  ):
    | { readonly ok: true; readonly peer: PeerParameters }
    | { readonly ok: false; readonly reason: string } {
    const decoded = decodeParameters(octets);
    if (!decoded.ok) return { ok: false, reason: decoded.reason };
    const { parameters } = decoded;
    const members = new HbaMembers(parameters);
    const inSet = members.verify(ulid);
    if (!inSet.ok) {
      const cga = verifyCga(ulid, parameters);
      if (!cga.ok) {
        const { reason } = parameters.multiPrefix === undefined ? cga : inSet;
        return { ok: false, reason };
      }
    }
    return { ok: true, peer: new PeerParameters(parameters, members, inSet) };
  }

  matches(octets: Uint8Array): boolean {
    return Buffer.compare(this.parameters.octets, octets) === 0;
  }

  /** The HBA method for one locator. */
  verifyMember(locator: Address): AddressVerdict {
    return this.ulidInSet.ok ? this.#members.verify(locator) : this.ulidInSet;
  }

  /** Why the CGA method cannot be used with these parameters, or undefined when it can. */
  get signatureRefusal(): string | undefined {
    if (!this.#keyKnown) {
      this.#keyKnown = true;
      this.#keyRefusal = hasPublicKey(this.parameters)
        ? keyRefusal(this.parameters.key, SHIM6_MINIMUM_KEY_BITS)
        : 'no-public-key';
      if (this.#keyRefusal === undefined) {
        this.#key = loadPublicKey(this.parameters.publicKey);
        if (this.#key === undefined) this.#keyRefusal = 'unusable-key';
      }
    }
    return this.#keyRefusal;
  }

  /** The CGA method for all locators that ask for it. */
  checkSignature(generation: number, locators: readonly Address[], signature: Uint8Array): boolean {
    if (this.signatureRefusal !== undefined || this.#key === undefined) return false;
    const said = signedList(generation, locators, signature);
    if (said === this.#signed) return true;
    if (!checkLocators(this.#key, generation, locators, signature)) return false;
    this.#signed = said;
    return true;
  }

  /** Is this the list that was checked last, to the octet? Then it costs nothing to check again. */
  hasChecked(generation: number, locators: readonly Address[], signature: Uint8Array): boolean {
    return signedList(generation, locators, signature) === this.#signed;
  }
}

const signedList = (
  generation: number,
  locators: readonly Address[],
  signature: Uint8Array,
): string => `${generation} ${locators.join(' ')} ${toHex(signature)}`;
