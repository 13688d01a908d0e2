import { z } from 'zod';

/**
 * The control API, version 1: what `rehome ... --json` prints and what programs may rely on. Fields are only ever
 * added. Times are ISO 8601 in UTC by the daemon's wall clock, durations milliseconds (`...Ms`), context tags twelve
 * hexadecimal digits, addresses RFC 5952 text; what is not known is null.
 */
export const API_VERSION = 1;
/** Where the daemon listens unless told otherwise. */
export const DEFAULT_SOCKET = '/run/rehome/control.sock';

const time = z.string();
const maybeTime = time.nullable();
const count = z.number();
const pair = z.object({ local: z.string(), peer: z.string() });
export type PairJson = z.infer<typeof pair>;

const envelope = { schema: z.literal(API_VERSION), now: time };

export const EventSchema = z.object({
  /** Rises by one; `since` of /v1/events. Starts anew with the daemon. */
  seq: count,
  at: time,
  name: z.string(),
  tag: z.string().nullable(),
  ulids: pair.nullable(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type EventJson = z.infer<typeof EventSchema>;

export const LocatorSchema = z.object({
  address: z.string(),
  /** From `[names]` of the configuration. */
  name: z.string().nullable(),
  /** RFC 5533 table 4: 1 HBA, 2 CGA; 254 stands for "not verified". */
  method: count,
  verified: z.boolean(),
  broken: z.boolean(),
  transient: z.boolean(),
  priority: count,
  weight: count,
});
export type LocatorJson = z.infer<typeof LocatorSchema>;

export const PathSchema = z.object({
  pair,
  current: z.boolean(),
  outbound: z.enum(['unknown', 'works', 'silent']),
  inbound: z.enum(['unknown', 'works']),
  lastProbed: maybeTime,
  lastWorked: maybeTime,
  rttMs: z.number().nullable(),
});
export type PathJson = z.infer<typeof PathSchema>;

export const RecoverySchema = z.object({
  startedAt: time,
  endedAt: time,
  /** Null: the peer noticed first. */
  detectionMs: z.number().nullable(),
  explorationMs: z.number(),
  probesSent: count,
  from: pair,
  to: pair,
});
export type RecoveryJson = z.infer<typeof RecoverySchema>;

export const REAP_STATES = ['operational', 'exploring', 'inboundOk'] as const;
export const CONTEXT_STATES = [
  'IDLE',
  'I1-SENT',
  'I2-SENT',
  'ESTABLISHED',
  'I2BIS-SENT',
  'NO-SUPPORT',
  'E-FAILED',
] as const;

export const ReapSchema = z.object({
  state: z.enum(REAP_STATES),
  since: time,
  sendTimeoutMs: count,
  keepaliveTimeoutMs: count,
  probesSent: count,
  probesReceived: count,
  keepalivesSent: count,
  keepalivesReceived: count,
  lastRecovery: RecoverySchema.nullable(),
});

/** One context without its lists: a line of `rehome status`. */
export const SessionSchema = z.object({
  tag: z.string().nullable(),
  ulids: pair,
  forkedInstanceIdentifier: count,
  state: z.enum(CONTEXT_STATES),
  /** What a person wants to know; see `rehome status --help`. */
  health: z.enum(['protected', 'rehomed', 'exploring', 'establishing', 'unprotected']),
  pair,
  /** True while packets carry the Payload Extension header. */
  shimmed: z.boolean(),
  since: maybeTime,
  lastRecovery: RecoverySchema.nullable(),
  lastEvent: EventSchema.nullable(),
});
export type SessionJson = z.infer<typeof SessionSchema>;

export const ContextSchema = z.object({
  tag: z.string().nullable(),
  peerTag: z.string().nullable(),
  state: z.enum(CONTEXT_STATES),
  health: SessionSchema.shape.health,
  ulids: pair,
  forkedInstanceIdentifier: count,
  pair,
  shimmed: z.boolean(),
  initiator: z.boolean(),
  createdAt: time,
  establishedAt: maybeTime,
  lastActivity: time,
  localLocators: z.array(LocatorSchema),
  peerLocators: z.array(LocatorSchema),
  reap: ReapSchema.nullable(),
  lastEvent: EventSchema.nullable(),
});
export type ContextJson = z.infer<typeof ContextSchema>;

export const StatusSchema = z.object({
  ...envelope,
  daemon: z.object({
    version: z.string(),
    pid: count,
    startedAt: time,
    config: z.string(),
    profile: z.string(),
    /** hba, cga, hybrid: how locators are proven; none: not at all. */
    security: z.string(),
    dataPath: z.string(),
  }),
  warnings: z.array(z.string()),
  summary: z.object({
    sessions: count,
    protected: count,
    rehomed: count,
    exploring: count,
    establishing: count,
    /** Peers left alone because they do not speak Shim6, or failed. */
    refused: count,
  }),
  /** Short names by address. */
  names: z.record(z.string(), z.string()),
  /** Troubled ones first, then the latest change first; at most 100. */
  sessions: z.array(SessionSchema),
  sessionsOmitted: count,
  lastEvent: EventSchema.nullable(),
  locators: z.object({ total: count, operational: count }),
  refusals: z.array(z.object({ ulids: pair, state: z.string(), until: time })),
  counters: z.object({
    engine: z.record(z.string(), count),
    dataPath: z.record(z.string(), count),
    /** Of SAM; empty without `[sam]`. */
    sam: z.record(z.string(), count),
  }),
  /** Null without `[sam]`. */
  sam: z
    .object({
      role: z.string(),
      zones: z.array(z.string()),
      /** Global addresses of this host. */
      addresses: count,
      /** Packets dropped, for any reason. */
      dropped: count,
    })
    .nullable(),
});
export type StatusJson = z.infer<typeof StatusSchema>;

export const ContextsSchema = z.object({ ...envelope, contexts: z.array(ContextSchema) });
export type ContextsJson = z.infer<typeof ContextsSchema>;

export const ContextReplySchema = z.object({
  ...envelope,
  context: ContextSchema,
  paths: z.array(PathSchema),
  events: z.array(EventSchema),
});
export type ContextReplyJson = z.infer<typeof ContextReplySchema>;

export const PathsSchema = z.object({
  ...envelope,
  peer: z.string(),
  names: z.record(z.string(), z.string()),
  contexts: z.array(z.object({ session: SessionSchema, paths: z.array(PathSchema) })),
});
export type PathsJson = z.infer<typeof PathsSchema>;

export const LocatorsSchema = z.object({
  ...envelope,
  local: z.array(
    z.object({
      address: z.string(),
      name: z.string().nullable(),
      interface: z.string(),
      operational: z.boolean(),
      deprecated: z.boolean(),
      transient: z.boolean(),
      priority: count,
      weight: count,
      /** The kind of identity that proves it; null: none, so that it stands alone. */
      identity: z.string().nullable(),
    }),
  ),
  peers: z.array(z.object({ ulid: z.string(), locators: z.array(LocatorSchema) })),
});
export type LocatorsJson = z.infer<typeof LocatorsSchema>;

export const IdentitySchema = z.object({
  /** hba, cga or hybrid. */
  kind: z.string(),
  sec: count,
  /** New sessions are to use it. False: kept for the sessions that do. */
  current: z.boolean(),
  createdAt: time,
  collisionCount: count,
  /** Hexadecimal, 16 octets. */
  modifier: z.string(),
  addresses: z.array(
    z.object({
      address: z.string(),
      name: z.string().nullable(),
      prefix: z.string(),
      /** Null: its prefix is not here now. */
      interface: z.string().nullable(),
      /** absent, tentative, taken (somebody else has it), preferred or deprecated. */
      state: z.enum(['absent', 'tentative', 'taken', 'preferred', 'deprecated']),
      /** Contexts whose ULID it is. */
      contexts: count,
      /** CGA Parameter Data Structure, hexadecimal: what proves it. */
      parameters: z.string(),
    }),
  ),
});
export type IdentityJson = z.infer<typeof IdentitySchema>;

export const IdentitiesSchema = z.object({
  ...envelope,
  security: z.string(),
  stateDirectory: z.string().nullable(),
  identities: z.array(IdentitySchema),
});
export type IdentitiesJson = z.infer<typeof IdentitiesSchema>;

export const ExitUplinkSchema = z.object({
  name: z.string(),
  interface: z.string(),
  state: z.enum(['up', 'no-interface', 'link-down', 'no-default-route', 'next-hop-silent']),
  since: time,
  nextHop: z.string().nullable(),
  /** The next hop is that of the interface's default route. */
  learned: z.boolean(),
  prefixes: z.array(z.string()),
  sentPackets: count,
  sentBytes: count,
  receivedPackets: count,
  receivedBytes: count,
  /** From sources of this uplink, while it was down or by another one. */
  refusedPackets: count,
});
export type ExitUplinkJson = z.infer<typeof ExitUplinkSchema>;

export const ExitSchema = z.object({
  ...envelope,
  /** False: no `[exit]` in the configuration. */
  router: z.boolean(),
  uplinks: z.array(ExitUplinkSchema),
  inside: z.array(z.string()),
  unknownSource: z.enum(['notify', 'drop']),
  uplinkDown: z.enum(['notify', 'drop']),
  unknownSourcePackets: count,
  wrongUplinkPackets: count,
  noticesSent: count,
  noticesNotSent: count,
  warnings: z.array(z.string()),
});
export type ExitJson = z.infer<typeof ExitSchema>;

const maybeSeconds = count.nullable();
export const SamZoneSchema = z.object({
  name: z.string(),
  /** child: the zone delegates to us; gateway: we are one of its parents. */
  role: z.enum(['child', 'gateway']),
  /** Constant prefix of its local addresses; null: not known yet. */
  constant: z.string().nullable(),
  links: z.array(
    z.object({
      name: z.string(),
      local: z.string().nullable(),
      /** assigned, delaying, probing, paused, no-subnet; or why the interface cannot be used. */
      state: z.string(),
      advertising: z.boolean(),
    }),
  ),
  parents: z.array(
    z.object({
      local: z.string(),
      ours: z.boolean(),
      prefixes: z.array(
        z.object({
          prefix: z.string(),
          validSeconds: maybeSeconds,
          deprecated: z.boolean(),
          hopCount: count.nullable(),
        }),
      ),
    }),
  ),
  /** Others that this host has heard of lately, from its neighbour cache; nothing else knows them. */
  children: z.array(
    z.object({
      local: z.string(),
      interface: z.string(),
      reachable: z.boolean(),
      delegated: z.array(z.string()),
    }),
  ),
});
export const SamSchema = z.object({
  ...envelope,
  role: z.enum(['host', 'router', 'gateway']),
  device: z.string(),
  zones: z.array(SamZoneSchema),
  providers: z.array(z.object({ prefix: z.string(), interface: z.string() })),
  /** Our own global addresses, preferred ones first. Seconds from now; null: for ever. */
  addresses: z.array(
    z.object({
      address: z.string(),
      delegated: z.string(),
      /** Our local address that it belongs to; null: a provider's prefix itself. */
      local: z.string().nullable(),
      zone: z.string(),
      parents: z.array(z.string()),
      deprecated: z.boolean(),
      provable: z.boolean(),
      validSeconds: maybeSeconds,
    }),
  ),
  /** What the kernel programs know, in elements of their maps; children are not in it. */
  state: count,
  counters: z.record(z.string(), count),
});
export type SamJson = z.infer<typeof SamSchema>;

export const EventsSchema = z.object({
  ...envelope,
  /** True: events between `since` and the first one here are no longer kept. */
  missed: z.boolean(),
  events: z.array(EventSchema),
});
export type EventsJson = z.infer<typeof EventsSchema>;

export const DoneSchema = z.object({
  ...envelope,
  /** One sentence for people. */
  done: z.string(),
  /** Tags of the contexts it was about. */
  tags: z.array(z.string()),
});
export type DoneJson = z.infer<typeof DoneSchema>;

export const ReloadSchema = z.object({
  ...envelope,
  done: z.string(),
  /** Keys that changed, written with dots. */
  changed: z.array(z.string()),
  warnings: z.array(z.string()),
  contexts: count,
});
export type ReloadJson = z.infer<typeof ReloadSchema>;

export const ErrorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() }),
});
export type ErrorJson = z.infer<typeof ErrorSchema>;

export const ExploreRequest = z.strictObject({ peer: z.string().min(1).max(64) });
export const ForgetRequest = z.strictObject({ tag: z.string().min(1).max(16) });
export const EstablishRequest = z.strictObject({
  local: z.string().min(2).max(64).optional(),
  peer: z.string().min(2).max(64),
  forkedInstanceIdentifier: z.int().min(0).max(0xffffffff).optional(),
});
export type EstablishJson = z.infer<typeof EstablishRequest>;
