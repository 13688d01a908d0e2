import { z } from 'zod';
import { commonFields, duration, interval, linkFields, strategy, traffic } from './fields.js';

const CBR = { model: 'cbr', interval: 1_000, size: 64 } as const;
const path = z.string().regex(/^[a-z][a-z0-9]*[0-9](<?>[a-z][a-z0-9]*[0-9])?$|^all$/, 'not a path');

const survival = z.strictObject({
  ...commonFields,
  experiment: z.literal('survival'),
  survival: z.strictObject({
    /** One way, of every path; one curve each. */
    delays: z.array(duration).min(1).max(20),
    cut_after: interval.default(20_000),
    run_for: interval.default(60_000),
    sample: interval.default(500),
  }),
});

const exploration = z.strictObject({
  ...commonFields,
  experiment: z.literal('exploration'),
  traffic: traffic.default(CBR),
  exploration: z.strictObject({
    broken: z.array(z.int().min(1).max(30)).min(1).max(30),
    patience: interval.default(600_000),
  }),
});

const variant = z.strictObject({
  name: z.string().min(1).max(60),
  /** Milliseconds between the first probes; the profile's unless said. */
  spacing: duration.optional(),
  strategy: strategy.optional(),
  /** What the paper has for the share of the best two paths, in percent. */
  paper: z.number().min(0).max(100).optional(),
  /** And for the most frequent round trip, in milliseconds. */
  paper_round_trip: duration.optional(),
});

const selection = z.strictObject({
  ...commonFields,
  experiment: z.literal('selection'),
  traffic: traffic.default(CBR),
  selection: z.strictObject({
    /** Path number i of a direction has i times this delay. */
    step: duration.default(10),
    variant: z.array(variant).min(1).max(20),
    /** Failures in a row between the same two hosts; the first few are not counted. */
    chain: z.int().min(5).max(10_000).default(50),
    patience: interval.default(600_000),
  }),
});

const detection = z.strictObject({
  ...commonFields,
  experiment: z.literal('detection'),
  detection: z.strictObject({
    send_timers: z.array(interval).min(1).max(10),
    /** Of all paths, for false alarms. */
    losses: z.array(z.number().min(0).max(0.9)).max(20).default([]),
    /** Virtual time watched for false alarms in each of `watches` runs. */
    watch: interval.default(600_000),
    watches: z.int().min(1).max(10_000).default(6),
    patience: interval.default(600_000),
    traffic: z.array(traffic).min(1).max(10),
  }),
});

const storm = z.strictObject({
  ...commonFields,
  experiment: z.literal('storm'),
  traffic: traffic.default(CBR),
  storm: z.strictObject({
    flows: z.array(z.int().min(1).max(1_000_000)).min(1).max(10),
    /** Hosts in the site at most; each has as many flows as it takes, each to a peer of its own. */
    hosts: z.int().min(1).max(100_000).default(100),
    /** Each flow has a peer that has no other. */
    own_peers: z.boolean().default(false),
    providers: z.int().min(2).max(4).default(2),
    peer_providers: z.int().min(1).max(4).default(1),
    access: z.strictObject(linkFields).default({}),
    /** Exit routers answer what they cannot forward with ICMPv6 errors (seed 001, section 6). */
    notices: z.boolean().default(false),
    /** From the last flow to the cut: what is measured in advance needs some seconds. */
    warm_up: interval.default(10_000),
    window: interval.default(100),
    patience: interval.default(600_000),
  }),
});

const asymmetric = z.strictObject({
  ...commonFields,
  experiment: z.literal('asymmetric'),
  traffic: traffic.default(CBR),
  asymmetric: z.strictObject({
    /** One-way paths that are left; everything else is cut. */
    working: z.array(path).min(2).max(100),
    patience: interval.default(600_000),
  }),
});

const name = z.string().regex(/^[a-z][a-z]{0,7}$/, 'not a name (1 to 8 lower-case letters)');
const change = z.strictObject({
  at: duration,
  cut: z.array(path).optional(),
  restore: z.array(path).optional(),
  ...linkFields,
  paths: z.array(path).optional(),
});

/** Any network, any traffic, anything that happens to it. */
const timeline = z.strictObject({
  ...commonFields,
  experiment: z.literal('timeline'),
  run_for: interval,
  site: z
    .array(
      z.strictObject({
        name,
        providers: z.int().min(1).max(4).default(2),
        hosts: z.int().min(1).max(1_000).default(1),
        routing: z.enum(['source', 'default']).default('source'),
        access: z.strictObject(linkFields).default({}),
      }),
    )
    .default([]),
  host: z
    .array(
      z.strictObject({
        name,
        providers: z.int().min(1).max(4).default(3),
        rehome: z.boolean().default(true),
      }),
    )
    .default([]),
  flow: z
    .array(
      z.strictObject({
        from: z.string().min(1),
        to: z.string().min(1),
        start: duration.default(0),
        /** Makes the context at once; otherwise when the trigger says so. */
        protect: z.boolean().default(true),
        traffic: traffic.default(CBR),
      }),
    )
    .min(1),
  event: z.array(change).default([]),
});

/** A scenario file as written; durations come out in milliseconds. */
export const ScenarioSchema = z.discriminatedUnion('experiment', [
  survival,
  exploration,
  selection,
  detection,
  storm,
  asymmetric,
  timeline,
]);

export type Scenario = z.output<typeof ScenarioSchema>;
export type ExperimentName = Scenario['experiment'];
export type ScenarioOf<E extends ExperimentName> = Extract<Scenario, { readonly experiment: E }>;
export type LinkFields = z.output<z.ZodObject<typeof linkFields>>;
export type TrafficFields = z.output<typeof traffic>;
