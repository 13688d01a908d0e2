import { Buffer } from 'node:buffer';
import { formAddress, hash1 } from '../../../src/identity/hashes.js';
import { HbaVerifier, type LocalIdentity } from '../../../src/identity/hba-verifier.js';
import { signLocators } from '../../../src/identity/signature.js';
import {
  addressFromBytes,
  addressToBytes,
  parseAddress,
  type Address,
} from '../../../src/wire/address.js';
import { concatBytes } from '../../../src/wire/bytes.js';
import {
  decodeControl,
  encodeControl,
  findOption,
  VERIFICATION_METHOD,
  type LocatorList,
} from '../../../src/wire/shim6/index.js';
import { contextTag } from '../../../src/wire/units.js';
import { note } from '../harness/coverage.js';
import { must, type Target } from '../harness/target.js';
import { privateKey } from '../../identity/support.js';
import { identities } from '../support/identities.js';
import { isProven, readReference } from '../support/reference.js';
import { repairShim6, shim6Units } from '../support/packet.js';

/** A ULID, and an Update Request with a list and its proof. */
const ULID = 16;
const COLLISION_COUNT = 24;

export const target: Target = {
  name: 'hba-verifier',
  about: 'locator lists with HBA, CGA and signature proofs, against a second verifier',
  code: ['src/identity/'],
  maxLength: ULID + 2048,
  seeds,
  units: (input) => shim6Units(input, ULID),
  repair(input, random) {
    const out = input.slice();
    repairShim6(out, ULID, random);
    return out;
  },
  run(input) {
    if (input.length < ULID) return;
    const ulid = addressFromBytes(input);
    const decoded = decodeControl(input.subarray(ULID), { ignoreChecksum: true });
    if (!decoded.ok || decoded.message.message !== 'updateRequest') return;
    const list = findOption(decoded.message, 'locatorList');
    const proof = {
      parameters: findOption(decoded.message, 'cgaParameterDataStructure')?.parameters,
      signature: findOption(decoded.message, 'cgaSignature')?.signature,
    };
    const verifier = new HbaVerifier({ peers: 2 });
    if (!list) return;
    const verdict = verifier.verify(ulid, list, proof);
    note(verdict.ok ? 'accepted' : `${verdict.reason} ${verdict.index === undefined}`);
    const expected = isProven(
      Buffer.from(addressToBytes(ulid)),
      referenceList(list),
      proof.parameters,
      proof.signature,
    );
    must(
      verdict.ok === expected,
      `the second verifier says ${expected}, this one ${verdict.ok ? 'yes' : verdict.reason}`,
    );
    if (!verdict.ok && verdict.index !== undefined) {
      must(
        verdict.index >= 0 && verdict.index < list.locators.length,
        'the index is into the list',
      );
    }
    remembered(verifier, ulid, list, proof, verdict.ok);
  },
};

const referenceList = (list: LocatorList) => ({
  generation: list.generation,
  locators: list.locators.map((l) => ({
    address: Buffer.from(addressToBytes(l.address)),
    method: l.method,
  })),
});

/** What a verifier remembers of a peer changes no verdict, and is bounded. */
function remembered(
  verifier: HbaVerifier,
  ulid: Address,
  list: LocatorList,
  proof: Parameters<HbaVerifier['verify']>[2],
  expected: boolean,
): void {
  must(verifier.verify(ulid, list, proof).ok === expected, 'the same question has the same answer');
  for (const { addresses } of identities()) {
    for (const { address, parameters } of addresses) {
      must(
        verifier.verifyParameters(address, parameters).ok,
        'a true proof is believed at any time',
      );
    }
  }
  must(verifier.rememberedPeers <= 2, 'no more peers are remembered than there is room for');
  must(
    verifier.verify(ulid, list, proof).ok === expected || proof.parameters === undefined,
    'others change no verdict',
  );
}

function seeds(): Uint8Array[] {
  const foreign = parseAddress('2001:db8:f::1');
  return identities().flatMap((identity) => {
    const own = new HbaVerifier({ identities: [identity] });
    const addresses = identity.addresses.map((a) => a.address);
    const [ulid] = addresses;
    if (ulid === undefined) return [];
    const lists = [addresses, [ulid], [...addresses].reverse()];
    const signed =
      identity.privateKey === undefined ? [] : [[foreign], [ulid, foreign, ...addresses]];
    const proven = [...lists, ...signed].map((l) => withProof(own, ulid, l, 7));
    return [...proven, wrongKey(own, ulid, [ulid, foreign]), overcounted(identity)];
  });
}

/** Right in all but the collision count, which is one too large: the hashes are over it, no mutation gets there. */
function overcounted({ addresses }: LocalIdentity): Uint8Array {
  const [first] = addresses;
  const parameters = Uint8Array.from(first?.parameters ?? []);
  parameters[COLLISION_COUNT] = 3;
  const prefix = parameters.subarray(16, 24);
  const ulid = addressFromBytes(formAddress(prefix, hash1(parameters, prefix), 0));
  const isSet = readReference(parameters)?.prefixes !== undefined;
  return seed(
    ulid,
    [ulid],
    [isSet ? VERIFICATION_METHOD.hba : VERIFICATION_METHOD.none],
    7,
    parameters,
    undefined,
  );
}

function withProof(
  own: HbaVerifier,
  ulid: Address,
  list: readonly Address[],
  generation: number,
): Uint8Array {
  const { methods, parameters, signature } = own.prove(ulid, list, generation);
  return seed(ulid, list, methods, generation, parameters, signature);
}

/** Signed, but by another key. */
function wrongKey(own: HbaVerifier, ulid: Address, list: readonly Address[]): Uint8Array {
  const { parameters } = own.prove(ulid, list, 7);
  const signature = signLocators(privateKey('rsa2048'), 7, list);
  return seed(
    ulid,
    list,
    list.map(() => 2),
    7,
    parameters,
    signature,
  );
}

function seed(
  ulid: Address,
  list: readonly Address[],
  methods: readonly number[],
  generation: number,
  parameters: Uint8Array | undefined,
  signature: Uint8Array | undefined,
): Uint8Array {
  const message = encodeControl({
    message: 'updateRequest',
    receiverContextTag: contextTag(1),
    requestNonce: 2,
    options: [
      {
        option: 'locatorList',
        generation,
        locators: list.map((address, i) => ({ address, method: methods[i] ?? 0 })),
      },
      ...(parameters ? [{ option: 'cgaParameterDataStructure' as const, parameters }] : []),
      ...(signature ? [{ option: 'cgaSignature' as const, signature }] : []),
    ],
  });
  return concatBytes(addressToBytes(ulid), message);
}
