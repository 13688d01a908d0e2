import type { IdentityJson } from '../../control/schema.js';
import type { ContextView } from '../../engine/types.js';
import type { Address } from '../../wire/address.js';
import { toHex } from '../../wire/bytes.js';
import { formatPrefix } from '../../wire/prefix.js';
import type { HostAddress } from '../locators.js';
import type { IdentityKeeper } from './keeper.js';

export interface IdentityTools {
  readonly addresses: readonly HostAddress[];
  readonly contexts: readonly ContextView[];
  readonly nameOf: (address: Address) => string | undefined;
}

type AddressState = IdentityJson['addresses'][number]['state'];

export const identitiesJson = (keeper: IdentityKeeper, tools: IdentityTools): IdentityJson[] =>
  keeper.identities.map((identity) => ({
    kind: identity.record.kind,
    sec: identity.record.sec,
    current: keeper.isCurrent(identity),
    createdAt: identity.record.createdAt,
    collisionCount: identity.record.collisionCount,
    modifier: toHex(identity.record.modifier),
    addresses: identity.addresses.map(({ address, prefix }, i) => {
      const have = tools.addresses.find((a) => a.address === address);
      return {
        address,
        name: tools.nameOf(address) ?? null,
        prefix: formatPrefix(prefix),
        interface: have?.interfaceName ?? null,
        state: keeper.isTaken(address) ? 'taken' : stateOf(have),
        contexts: tools.contexts.filter((c) => c.ulids.local === address).length,
        parameters: toHex(identity.local.addresses[i]?.parameters ?? new Uint8Array(0)),
      };
    }),
  }));

function stateOf(have: HostAddress | undefined): AddressState {
  if (have === undefined) return 'absent';
  if (have.dad === 'failed') return 'taken';
  if (have.dad === 'tentative') return 'tentative';
  return have.deprecated ? 'deprecated' : 'preferred';
}

/** The kind of identity that an address belongs to. */
export const kindOf = (keeper: IdentityKeeper | undefined, address: Address): string | null =>
  keeper?.identities.find((i) => i.addresses.some((a) => a.address === address))?.record.kind ??
  null;
