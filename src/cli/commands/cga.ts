import type { Command } from 'commander';
import { generateCga, randomModifier, verifyCga } from '../../identity/cga.js';
import { MAX_SEC, hash1, hash2 } from '../../identity/hashes.js';
import {
  MAX_COLLISION_COUNT,
  MODIFIER_LENGTH,
  decodeParameters,
  hasPublicKey,
} from '../../identity/parameters.js';
import { SHIM6_MINIMUM_KEY_BITS, checkGenerationKey, keyRefusal } from '../../identity/rsa-key.js';
import {
  checkLocators,
  loadPublicKey,
  publicKeyOf,
  signLocators,
  signedOctets,
} from '../../identity/signature.js';
import { verifyHba } from '../../identity/hba.js';
import { systemRandom } from '../../daemon/random.js';
import type { Address } from '../../wire/address.js';
import type { Prefix } from '../../wire/prefix.js';
import type { Io } from '../io.js';
import type { Register } from '../registry.js';
import {
  address,
  give,
  integer,
  modifierFor,
  moreAddresses,
  octets,
  onePrefix,
  readKey,
} from '../support/identity.js';

const HELP = `
Shim6 peers accept signatures by keys of ${SHIM6_MINIMUM_KEY_BITS} bits or more (RFC 5533, section 16).

Exit status: 0 accepted, 1 refused, 2 wrong usage.

Examples:
  openssl genrsa -out key.pem 2048
  rehome cga generate --prefix 2001:db8:a::/64 --key key.pem --sec 1
  rehome cga sign --key key.pem --generation 7 --locator 2001:db8:c::1
  rehome cga check --address ULID --parameters HEX --signature HEX --generation 7 --locator 2001:db8:c::1`;

const GENERATION = integer(0xffffffff);

/** Adds `cga generate`, `cga verify`, `cga sign` and `cga check`. */
export const registerCga: Register = (program, io) => {
  const cga = program
    .command('cga')
    .description('make and check cryptographically generated addresses (RFC 3972), sign locators')
    .addHelpText('after', HELP);
  cga
    .command('generate')
    .description('make an address that a key owns')
    .requiredOption('--prefix <prefix>', 'a /64', onePrefix)
    .requiredOption('--key <file>', 'RSA key, public or private')
    .option('--sec <n>', '0 to 7: work for an attacker, and for you', integer(MAX_SEC), 0)
    .option('--modifier <hex>', 'instead of a random one', octets(MODIFIER_LENGTH))
    .option('--collision-count <n>', 'addresses found taken', integer(MAX_COLLISION_COUNT), 0)
    .option('--yes-really', 'search as long as it takes')
    .option('--json', 'print JSON')
    .action((options: GenerateOptions, command: Command) => generate(io, options, command));
  cga
    .command('verify')
    .description('check that an address was made from the parameters')
    .requiredOption('--address <address>', 'the address', address)
    .requiredOption('--parameters <hex>', 'CGA Parameters data structure', octets())
    .option('--json', 'print JSON')
    .action((options: VerifyOptions) => verify(io, options));
  cga
    .command('sign')
    .description('sign the locators of a list whose method is CGA')
    .requiredOption('--key <file>', 'RSA private key')
    .requiredOption('--generation <n>', 'generation number of the list', GENERATION)
    .requiredOption('--locator <address>', 'in the order of the list', moreAddresses)
    .option('--json', 'print JSON')
    .action((options: SignOptions, command: Command) => signList(io, options, command));
  cga
    .command('check')
    .description('check a signed list against the address it is for')
    .requiredOption('--address <address>', 'the ULID', address)
    .requiredOption('--parameters <hex>', 'CGA Parameters data structure', octets())
    .requiredOption('--signature <hex>', 'what `cga sign` printed', octets())
    .requiredOption('--generation <n>', 'generation number of the list', GENERATION)
    .requiredOption('--locator <address>', 'in the order of the list', moreAddresses)
    .option(
      '--minimum-key-bits <n>',
      'shorter keys are refused',
      integer(4096),
      SHIM6_MINIMUM_KEY_BITS,
    )
    .option('--json', 'print JSON')
    .action((options: CheckOptions) => check(io, options));
};

interface GenerateOptions {
  readonly prefix: Prefix;
  readonly key: string;
  readonly sec: number;
  readonly modifier?: Uint8Array;
  readonly collisionCount: number;
  readonly yesReally?: boolean;
  readonly json?: boolean;
}

async function generate(io: Io, options: GenerateOptions, command: Command): Promise<void> {
  const publicKey = publicKeyOf(readKey(command, options.key, 'public'));
  const { modulusBits } = checkGenerationKey(publicKey);
  if (modulusBits < SHIM6_MINIMUM_KEY_BITS) {
    io.err(`warning: Shim6 peers refuse signatures by a key of ${modulusBits} bits\n`);
  }
  const { sec } = options;
  const found = await modifierFor(io, {
    task: { publicKey, extensionFields: new Uint8Array(0), sec },
    from: options.modifier ?? randomModifier(systemRandom()),
    insist: options.yesReally === true,
  });
  if ('refusal' in found) return give(io, options.json, found.refusal);
  const { prefix, collisionCount } = options;
  const { modifier } = found;
  const made = generateCga({ prefix, publicKey, sec, modifier, collisionCount });
  const decoded = decodeParameters(made.parameters);
  const verdict = decoded.ok ? verifyCga(made.address, decoded.parameters) : decoded;
  const reason = verdict.ok ? null : verdict.reason;
  give(io, options.json, { ...made, modifier, sec, collisionCount, accepted: verdict.ok, reason });
}

interface VerifyOptions {
  readonly address: Address;
  readonly parameters: Uint8Array;
  readonly json?: boolean;
}

function verify(io: Io, { address: wanted, parameters, json }: VerifyOptions): void {
  const decoded = decodeParameters(parameters);
  if (!decoded.ok) {
    const { reason, offset } = decoded;
    return give(io, json, { address: wanted, parameters, offset, accepted: false, reason });
  }
  const verdict = verifyCga(wanted, decoded.parameters);
  give(io, json, {
    address: wanted,
    parameters,
    modifier: decoded.parameters.modifier,
    hash1: hash1(parameters),
    hash2: hash2(parameters),
    keyBits: decoded.parameters.key.modulusBits,
    accepted: verdict.ok,
    reason: verdict.ok ? null : verdict.reason,
  });
}

interface SignOptions {
  readonly key: string;
  readonly generation: number;
  readonly locator: readonly Address[];
  readonly json?: boolean;
}

function signList(io: Io, options: SignOptions, command: Command): void {
  const { generation, locator: addresses } = options;
  const key = readKey(command, options.key, 'private');
  publicKeyOf(key); // not RSA: refused here, with the kind of key named
  const signature = signLocators(key, generation, addresses);
  const signed = signedOctets(generation, addresses);
  give(io, options.json, {
    addresses,
    generation,
    signed,
    signature,
    accepted: true,
    reason: null,
  });
}

interface CheckOptions extends VerifyOptions {
  readonly signature: Uint8Array;
  readonly generation: number;
  readonly locator: readonly Address[];
  readonly minimumKeyBits: number;
}

function check(io: Io, options: CheckOptions): void {
  const reason = refusalOf(options) ?? null;
  give(io, options.json, {
    address: options.address,
    addresses: options.locator,
    generation: options.generation,
    parameters: options.parameters,
    signature: options.signature,
    accepted: reason === null,
    reason,
  });
}

/** Both the address and the signature have to verify (RFC 3972 §6). */
function refusalOf(options: CheckOptions): string | undefined {
  const decoded = decodeParameters(options.parameters);
  if (!decoded.ok) return decoded.reason;
  const { parameters } = decoded;
  const cga = verifyCga(options.address, parameters);
  if (!cga.ok && !verifyHba(options.address, parameters).ok) return cga.reason;
  if (!hasPublicKey(parameters)) return 'no-public-key';
  const short = keyRefusal(parameters.key, options.minimumKeyBits);
  if (short !== undefined) return short;
  const key = loadPublicKey(parameters.publicKey);
  if (key === undefined) return 'unusable-key';
  const good = checkLocators(key, options.generation, options.locator, options.signature);
  return good ? undefined : 'bad-signature';
}
