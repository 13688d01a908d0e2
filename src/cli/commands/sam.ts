import { InvalidArgumentError, type Command } from 'commander';
import { fieldHex, type BitField } from '../../sam/bits.js';
import { explainGlobal, explainLocal } from '../../sam/explain.js';
import { PROVABLE_LENGTH } from '../../sam/infix-length.js';
import { encodeInfix } from '../../sam/infix.js';
import { checkConstant, decodeLocal, fieldFromHex, tryLocal } from '../../sam/local.js';
import { delegatedPrefix, ownAddress, resolve } from '../../sam/mapping.js';
import type { SamFailure } from '../../sam/result.js';
import { isGlobal } from '../../sam/route.js';
import { addressToHex, type Address } from '../../wire/address.js';
import { formatPrefix, parsePrefix, prefixOf, type Prefix } from '../../wire/prefix.js';
import { drawBits } from '../format/bits.js';
import { formatZones } from '../format/sam.js';
import type { Io } from '../io.js';
import type { Register } from '../registry.js';
import { JSON_OPTION, show, WATCH_OPTION } from '../remote.js';
import { address, give, integer, reader, type Answer } from '../support/identity.js';

const HELP = `
Exit status: 0 done, 1 refused, 2 wrong usage.

Examples:
  rehome sam address --constant fcf0::/12 --subnet 9 --iid 7777
  rehome sam delegate --zone 2001:db8:a::/48 --local fcf9:0:0:1:2f00::7777
  rehome sam resolve --zone 2001:db8:a::/48 --global 2001:db8:a:1297:7770::
  rehome sam explain fcf9:0:0:1:2f00::7777
  rehome sam explain --zone 2001:db8:a::/48 2001:db8:a:1297:7770::
  rehome sam zone --watch`;

/** What a zone can be delegated; a local prefix is a mix-up of the two kinds. */
const zonePrefix = reader((text): Prefix => {
  const found = parsePrefix(text);
  if (!isGlobal(found.address)) {
    throw new InvalidArgumentError(
      `${text} is no global prefix; give one that the zone was delegated, like 2001:db8:a::/48`,
    );
  }
  return found;
});
const constant = reader((text) => checkConstant(parsePrefix(text)));
const SHORT = 'fcf0::/12';
const CONSTANT = [
  '--constant <prefix>',
  `constant prefix of the zone's local addresses (default: ${SHORT})`,
  constant,
] as const;
/** More than an address has room for. */
const MAX_LEVELS = 8;
const levelCount = (text: string): number => {
  const levels = integer(MAX_LEVELS)(text);
  if (levels === 0) throw new InvalidArgumentError(`a whole number from 1 to ${MAX_LEVELS}.`);
  return levels;
};
const subnetDigits = reader((text) => fieldFromHex(text, 'subnet infix'));
const iidOctets = reader((text): BitField => {
  const field = fieldFromHex(text, 'IID infix');
  if (field.length % 8 !== 0) {
    throw new InvalidArgumentError(
      `an IID infix has whole octets; ${text} has ${text.length} digits.`,
    );
  }
  return field;
});

interface Common {
  readonly json?: boolean;
}

/** Adds `sam address`, `sam delegate`, `sam resolve` and `sam explain`, which need no daemon, and `sam zone`, which does. */
export const registerSam: Register = (program, io) => {
  const sam = program
    .command('sam')
    .description('SAM zones (draft-despres-sam-03): addresses, the live zone')
    .addHelpText('after', HELP);
  sam
    .command('address')
    .description('make a local address')
    .requiredOption('--constant <prefix>', 'fcf0::/12, or a /48 of fd00::/8', constant)
    .option('--subnet <hex>', 'subnet infix, four bits a digit', subnetDigits)
    .option('--iid <hex>', 'IID infix, two digits an octet', iidOctets)
    .option('--json', 'print JSON')
    .action((options: AddressOptions) => makeAddress(io, options));
  sam
    .command('delegate')
    .description('the global prefix of the child at a local address')
    .requiredOption('--zone <prefix>', 'a global prefix of the zone', zonePrefix)
    .requiredOption('--local <address>', 'local address of the child', address)
    .option('--json', 'print JSON')
    .action((options: DelegateOptions) => delegate(io, options));
  sam
    .command('resolve')
    .description('whom a global address designates in a zone')
    .requiredOption('--zone <prefix>', 'a global prefix of the zone', zonePrefix)
    .requiredOption('--global <address>', 'the address', address)
    .option(...CONSTANT)
    .option('--json', 'print JSON')
    .action((options: ResolveOptions) => resolveGlobal(io, options));
  sam
    .command('explain')
    .description('draw the bits of an address, each field named')
    .argument('<address>', 'a local address; with --zone a global one', address)
    .option('--zone <prefix>', 'a global prefix of the zone it is in', zonePrefix)
    .option(...CONSTANT)
    .option(
      '--levels <n>',
      'infixes of so many zones, one below the other (default: 1)',
      levelCount,
    )
    .option('--json', 'print JSON')
    .action((what: Address, options: ExplainOptions, command: Command) =>
      explain(io, what, options, command),
    );
  sam
    .command('zone')
    .description(
      'draw the zones that the daemon is in: parents, prefixes, addresses, children seen',
    )
    .option(...JSON_OPTION)
    .option(...WATCH_OPTION)
    .action((_options, command: Command) => show(io, command, (c) => c.sam(), formatZones));
};

const refusal = (failure: SamFailure): Answer => ({
  code: failure.code,
  bit: failure.bit,
  message: failure.message,
  accepted: false,
  reason: failure.reason,
});
const done = { accepted: true, reason: null };

interface AddressOptions extends Common {
  readonly constant: Prefix;
  readonly subnet?: BitField;
  readonly iid?: BitField;
}

function makeAddress(io: Io, options: AddressOptions): void {
  const { json, constant: fixed } = options;
  const subnet = options.subnet ?? { value: 0n, length: 0 };
  const iid = options.iid ?? { value: 0n, length: 0 };
  const found = tryLocal(fixed, subnet, iid);
  if (!found.ok) {
    if (found.code === 'REHOME_E_SAM_EMPTY') io.err('give --subnet, --iid or both\n');
    return give(io, json, refusal(found));
  }
  const { local } = found;
  const infix = encodeInfix(subnet, iid);
  give(io, json, {
    local,
    subnetPrefix: formatPrefix(prefixOf(local, 64)),
    iid: addressToHex(local).slice(16),
    infix: fieldHex(infix),
    infixBits: infix.length,
    ...done,
  });
}

interface DelegateOptions extends Common {
  readonly zone: Prefix;
  readonly local: Address;
}

function delegate(io: Io, { zone, local, json }: DelegateOptions): void {
  const found = delegatedPrefix(zone, local);
  if (!found.ok) return give(io, json, refusal(found));
  give(io, json, {
    zone: formatPrefix(zone),
    local,
    infix: fieldHex(found.infix),
    infixBits: found.infix.length,
    delegated: formatPrefix(found.prefix),
    address: ownAddress(found.prefix),
    provable: found.prefix.length <= PROVABLE_LENGTH,
    ...done,
  });
}

interface ResolveOptions extends Common {
  readonly zone: Prefix;
  readonly global: Address;
  readonly constant?: Prefix;
}

function resolveGlobal(io: Io, options: ResolveOptions): void {
  const { zone, global, json } = options;
  const found = resolve(zone, options.constant ?? parsePrefix(SHORT), global);
  if (!found.ok) return give(io, json, refusal(found));
  give(io, json, {
    zone: formatPrefix(zone),
    global,
    designates: found.kind,
    ...(found.kind === 'child'
      ? { local: found.local, delegated: formatPrefix(found.prefix) }
      : {}),
    ...done,
  });
}

interface ExplainOptions extends Common {
  readonly zone?: Prefix;
  readonly constant?: Prefix;
  readonly levels?: number;
}

function explain(io: Io, what: Address, options: ExplainOptions, command: Command): void {
  const { zone, json } = options;
  const fixed = options.constant ?? parsePrefix(SHORT);
  const vain = options.constant ? '--constant' : options.levels ? '--levels' : undefined;
  if (zone === undefined && vain !== undefined) {
    command.error(
      `error: ${vain} is for global addresses: give the prefix of the zone with --zone`,
    );
  }
  const { fields, failure } =
    zone === undefined ? explainLocal(what) : explainGlobal(zone, fixed, what, options.levels ?? 1);
  const verdict: Answer = failure === undefined ? done : refusal(failure);
  if (json === true) {
    return give(io, json, { address: what, ...kindOf(what, fixed, zone), fields, ...verdict });
  }
  io.out(`${what}\n\n${drawBits(what, fields, io.colors, failure?.bit)}\n`);
  if (failure !== undefined && zone === undefined && failure.code === 'REHOME_E_SAM_CONSTANT') {
    io.err('for a global address give the prefix of its zone with --zone\n');
  }
  const said = failure === undefined ? {} : { code: failure.code, bit: failure.bit, message: failure.message }; // prettier-ignore
  give(io, json, { ...said, accepted: verdict.accepted, reason: verdict.reason });
}

function kindOf(
  what: Address,
  assumed: Prefix,
  zone: Prefix | undefined,
): { kind: string } & Record<string, unknown> {
  if (zone !== undefined)
    return { kind: 'global', zone: formatPrefix(zone), constant: formatPrefix(assumed) };
  const parts = decodeLocal(what);
  if (!parts.ok) return { kind: 'local' };
  const { constant: own, subnet, iid } = parts;
  return {
    kind: 'local',
    constant: formatPrefix(own),
    subnetInfix: fieldHex(subnet),
    iidInfix: fieldHex(iid),
  };
}
