/** Numbers of RFC 5533 §5 and RFC 5534 §5 that appear on the wire. */
export const SHIM6_PROTOCOL = 140; // RFC 5533 §17
export const NO_NEXT_HEADER = 59; // RFC 8200 §4.7
/** Signalling packets may not be larger, IPv6 header included (RFC 5533 §5.1). */
export const MAX_CONTROL_PACKET = 1280;

export const MESSAGE_TYPE = {
  i1: 1,
  r1: 2,
  i2: 3,
  r2: 4,
  r1bis: 5,
  i2bis: 6,
  updateRequest: 64,
  updateAcknowledgement: 65,
  keepalive: 66,
  probe: 67,
  error: 68,
} as const; // RFC 5533 table 1

export const OPTION_TYPE = {
  responderValidator: 1,
  locatorList: 2,
  locatorPreferences: 3,
  cgaParameterDataStructure: 4,
  cgaSignature: 5,
  ulidPair: 6,
  forkedInstanceIdentifier: 7,
  keepaliveTimeout: 10,
} as const; // RFC 5533 table 3, RFC 5534 §5.3

export const ERROR_CODE = {
  unknownMessageType: 0,
  criticalOption: 1,
  locatorVerification: 2,
  locatorListGeneration: 3,
  locatorPreferencesCount: 4,
} as const; // RFC 5533 table 2

/** RFC 5533 table 4; 254 is of the experimental range and means "not verified" (`security = "none"`). */
export const VERIFICATION_METHOD = { hba: 1, cga: 2, none: 254 } as const;

export const LOCATOR_FLAG = { broken: 0x01, transient: 0x02 } as const; // RFC 5533 §5.15.3

export const PROBE_STATE = { operational: 0, exploring: 1, inboundOk: 2 } as const; // RFC 5534 §5.2
