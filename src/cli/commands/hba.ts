import type { Command } from 'commander';
import { randomModifier } from '../../identity/cga.js';
import {
  HBA_MAX_SEC,
  MAX_SET_PREFIXES,
  generateHbaSet,
  prepareHbaSet,
  randomExtendedModifier,
  verifyHbaList,
  type HbaInput,
} from '../../identity/hba.js';
import { hash1, hash2 } from '../../identity/hashes.js';
import {
  MAX_COLLISION_COUNT,
  MODIFIER_LENGTH,
  decodeParameters,
} from '../../identity/parameters.js';
import { EXTENDED_MODIFIER_LENGTH } from '../../identity/rsa-key.js';
import { publicKeyOf } from '../../identity/signature.js';
import { systemRandom } from '../../daemon/random.js';
import { addressToBytes, type Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import type { Io } from '../io.js';
import type { Register } from '../registry.js';
import {
  give,
  integer,
  modifierFor,
  moreAddresses,
  morePrefixes,
  octets,
  readKey,
} from '../support/identity.js';

const HELP = `
Exit status: 0 accepted, 1 refused, 2 wrong usage.

Examples:
  rehome hba generate --prefix 2001:db8:a::/64 --prefix 2001:db8:b::/64
  rehome hba generate --prefix 2001:db8:a::/64 --prefix 2001:db8:b::/64 --key key.pem --sec 1 --json
  rehome hba verify --address 2001:db8:a:0:... --parameters 89a8...`;

interface GenerateOptions {
  readonly prefix: readonly Prefix[];
  readonly sec: number;
  readonly key?: string;
  readonly modifier?: Uint8Array;
  readonly extendedModifier?: Uint8Array;
  readonly collisionCount: number;
  readonly yesReally?: boolean;
  readonly json?: boolean;
}

/** Adds `hba generate` and `hba verify`. */
export const registerHba: Register = (program, io) => {
  const hba = program
    .command('hba')
    .description('make and check hash-based addresses (RFC 5535)')
    .addHelpText('after', HELP);
  hba
    .command('generate')
    .description('make a set of addresses that prove each other')
    .requiredOption('--prefix <prefix>', `a /64; 1 to ${MAX_SET_PREFIXES} times`, morePrefixes)
    .option('--sec <n>', '0, 1 or 2: work for an attacker, and for you', integer(HBA_MAX_SEC), 0)
    .option('--key <file>', 'RSA key: the set is hybrid, CGA and HBA')
    .option('--modifier <hex>', 'instead of a random one', octets(MODIFIER_LENGTH))
    .option(
      '--extended-modifier <hex>',
      'instead of a random one (without --key)',
      octets(EXTENDED_MODIFIER_LENGTH),
    )
    .option('--collision-count <n>', 'addresses found taken', integer(MAX_COLLISION_COUNT), 0)
    .option('--yes-really', 'search as long as it takes')
    .option('--json', 'print JSON')
    .action((options: GenerateOptions, command: Command) => generate(io, options, command));
  hba
    .command('verify')
    .description('check that addresses belong to the set of the parameters')
    .requiredOption('--address <address>', 'may be given more than once', moreAddresses)
    .requiredOption('--parameters <hex>', 'CGA Parameters data structure', octets())
    .option('--json', 'print JSON')
    .action((options: VerifyOptions) => verify(io, options));
};

async function generate(io: Io, options: GenerateOptions, command: Command): Promise<void> {
  const random = systemRandom();
  if (options.key !== undefined && options.extendedModifier !== undefined) {
    command.error('error: --key and --extended-modifier exclude each other');
  }
  const input: HbaInput = {
    prefixes: options.prefix,
    sec: options.sec,
    key:
      options.key === undefined
        ? { extendedModifier: options.extendedModifier ?? randomExtendedModifier(random) }
        : { publicKey: publicKeyOf(readKey(command, options.key, 'public')) },
  };
  const found = await modifierFor(io, {
    task: prepareHbaSet(input),
    from: options.modifier ?? randomModifier(random),
    insist: options.yesReally === true,
  });
  if ('refusal' in found) return give(io, options.json, found.refusal);
  const set = generateHbaSet(input, found.modifier, options.collisionCount);
  give(io, options.json, {
    addresses: set.addresses.map((a) => a.address),
    parameters: set.addresses.map((a) => a.parameters),
    hash1: set.addresses.map((a) => a.hash1),
    hash2: set.hash2,
    modifier: set.modifier,
    sec: set.sec,
    collisionCount: set.collisionCount,
    hybrid: set.hybrid,
    ...ownVerdict(set.addresses),
  });
}

/** What we give away has to verify (RFC 3972 §4). */
function ownVerdict(
  made: readonly { readonly address: Address; readonly parameters: Uint8Array }[],
): { accepted: boolean; reason: string | null } {
  const decoded = decodeParameters(made[0]?.parameters ?? new Uint8Array(0));
  const verdict = decoded.ok
    ? verifyHbaList(
        made.map((a) => a.address),
        decoded.parameters,
      )
    : decoded;
  return verdict.ok
    ? { accepted: true, reason: null }
    : { accepted: false, reason: verdict.reason };
}

interface VerifyOptions {
  readonly address: readonly Address[];
  readonly parameters: Uint8Array;
  readonly json?: boolean;
}

function verify(io: Io, { address, parameters, json }: VerifyOptions): void {
  const decoded = decodeParameters(parameters);
  const [one] = address;
  const named = address.length === 1 ? { address: one } : { addresses: address };
  if (!decoded.ok) {
    const { reason, offset } = decoded;
    return give(io, json, { ...named, parameters, offset, accepted: false, reason });
  }
  const verdict = verifyHbaList(address, decoded.parameters);
  const firsts = address.map((a) => hash1(parameters, addressToBytes(a).slice(0, 8)));
  give(io, json, {
    ...named,
    parameters,
    modifier: decoded.parameters.modifier,
    hash1: address.length === 1 ? firsts[0] : firsts,
    hash2: hash2(parameters),
    ...(verdict.ok ? {} : { index: verdict.index }),
    accepted: verdict.ok,
    reason: verdict.ok ? null : verdict.reason,
  });
}
