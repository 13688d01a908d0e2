import { LOCATOR_FLAG, type ControlMessage, type OptionName } from '../index.js';

/** Names as RFC 5533, RFC 5534 and the IANA registries write them. */
export const MESSAGE_TITLE: Readonly<Record<ControlMessage['message'], string>> = {
  i1: 'I1',
  r1: 'R1',
  i2: 'I2',
  r2: 'R2',
  r1bis: 'R1bis',
  i2bis: 'I2bis',
  updateRequest: 'Update Request',
  updateAcknowledgement: 'Update Acknowledgement',
  keepalive: 'Keepalive',
  probe: 'Probe',
  error: 'Error',
};

export const OPTION_TITLE: Readonly<Record<OptionName, string>> = {
  responderValidator: 'Responder Validator',
  locatorList: 'Locator List',
  locatorPreferences: 'Locator Preferences',
  cgaParameterDataStructure: 'CGA Parameter Data Structure',
  cgaSignature: 'CGA Signature',
  ulidPair: 'ULID Pair',
  forkedInstanceIdentifier: 'Forked Instance Identifier',
  keepaliveTimeout: 'Keepalive Timeout',
};

const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'Hop-by-Hop Options',
  4: 'IPv4',
  6: 'TCP',
  17: 'UDP',
  41: 'IPv6',
  43: 'Routing',
  44: 'Fragment',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  59: 'No Next Header',
  60: 'Destination Options',
  132: 'SCTP',
  135: 'Mobility',
  139: 'HIP',
  140: 'Shim6',
};
export const protocolName = (protocol: number): string =>
  PROTOCOLS[protocol] ?? `protocol ${protocol}`;

const ICMPV6: Readonly<Record<number, string>> = {
  1: 'Destination Unreachable',
  2: 'Packet Too Big',
  3: 'Time Exceeded',
  4: 'Parameter Problem',
  128: 'Echo Request',
  129: 'Echo Reply',
  130: 'Multicast Listener Query',
  133: 'Router Solicitation',
  134: 'Router Advertisement',
  135: 'Neighbor Solicitation',
  136: 'Neighbor Advertisement',
  137: 'Redirect',
  143: 'Multicast Listener Report v2',
};
export const icmpName = (type: number): string => ICMPV6[type] ?? `type ${type}`;

const ERROR_CODES: Readonly<Record<number, string>> = {
  0: 'unknown Shim6 message type',
  1: 'critical option not recognized',
  2: 'locator verification method failed',
  3: 'locator list generation number out of sync',
  4: 'error in the number of locators in a Locator Preferences option',
};
const STATES = ['Operational', 'Exploring', 'InboundOk'];
const METHODS: Readonly<Record<number, string>> = { 1: 'HBA', 2: 'CGA', 254: 'none' };

const flagNames = (flags: number): string =>
  Object.entries(LOCATOR_FLAG)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name.toUpperCase())
    .join(', ');

/** What the number in a field means, for people; empty when there is nothing to say. */
export function meaning(field: string, value: number): string {
  switch (field) {
    case 'nextHeader':
    case 'protocol':
      return protocolName(value);
    case 'errorCode':
      return value >= 120 ? 'debugging' : (ERROR_CODES[value] ?? '');
    case 'sta':
      return STATES[value] ?? '';
    case 'verificationMethod':
      return METHODS[value] ?? '';
    case 'flags':
      return flagNames(value);
    case 'keepaliveTimeout':
      return 'seconds';
    default:
      return '';
  }
}
