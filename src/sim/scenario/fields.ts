import { z } from 'zod';
import { parseDuration } from '../../daemon/config/duration.js';
import { TIMER_KEYS } from '../../daemon/config/timers.js';
import { REAP_PROFILES } from '../../reap/constants.js';
import { RehomeError } from '../../wire/errors.js';
import { isStrategy } from '../../reap/strategy/index.js';

/** Building blocks of scenario files. Durations come out in milliseconds, rates in octets per second. */

const keys = <K extends string>(of: Readonly<Record<K, unknown>>): [K, ...K[]] =>
  Object.keys(of) as [K, ...K[]];

export const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  try {
    return parseDuration(value);
  } catch (error) {
    if (!(error instanceof RehomeError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});
/** More than nothing, so that something repeated ends. */
export const interval = duration.refine((ms) => ms >= 1, { message: 'shorter than 1 ms' });
const share = z.number().min(0).max(1);
const megabits = z.union([z.literal('off'), z.number().gt(0).max(1e6)]);
const octets = z.int().min(1_280).max(1e9);

/** Of a link or a path. */
export const linkFields = {
  delay: duration.optional(),
  jitter: duration.optional(),
  loss: share.optional(),
  duplicate: share.optional(),
  /** Mbit/s. */
  rate: megabits.optional(),
  queue: octets.optional(),
};

export const network = z.strictObject({
  providers: z.int().min(1).max(4).default(3),
  ...linkFields,
});

export const traffic = z.discriminatedUnion('model', [
  z.strictObject({
    model: z.enum(['cbr', 'one-way']),
    interval: interval.default(1_000),
    size: z.int().min(4).max(1_400).default(64),
  }),
  z.strictObject({ model: z.literal('bulk') }),
  z.strictObject({
    model: z.literal('request-response'),
    think: duration.default(1_000),
    request: z.int().min(4).max(1_400).default(100),
    response: z.int().min(4).max(1_400).default(1_000),
  }),
  z.strictObject({
    model: z.literal('idle-then-active'),
    active: interval.default(10_000),
    idle: interval.default(30_000),
    interval: interval.default(300),
  }),
  z.strictObject({
    model: z.literal('mix'),
    arrivals: z.number().gt(0).max(1_000).default(5),
    mean_size: z.int().min(1).max(1e9).default(30_000),
    alpha: z.number().gt(1).max(3).default(1.2),
  }),
]);

const timer = (kind: 'duration' | 'count' | 'ratio', min: number, max: number) =>
  (kind === 'duration' ? duration : kind === 'count' ? z.int() : z.number()).refine(
    (value) => value >= min && value <= max,
    { message: `out of range (${min} to ${max}${kind === 'duration' ? ' ms' : ''})` },
  );

/** As in the daemon's configuration, but with nothing against a send timer below a second. */
const timers = z.strictObject(
  Object.fromEntries(
    TIMER_KEYS.map((t) => [
      t.key,
      timer(t.kind, t.kind === 'duration' ? 1 : t.min, t.max).optional(),
    ]),
  ),
);

const rules = z.strictObject({
  pace: z.enum(['timer', 'every-probe', 'sweep']).optional(),
  choice: z.enum(['keep-current', 'first-heard', 'best']).optional(),
});

export const strategy = z.string().refine(isStrategy, { message: 'not a path strategy' });

/** What every scenario has. */
export const commonFields = {
  title: z.string().min(1).max(200).optional(),
  profile: z.enum(keys(REAP_PROFILES)).default('paper'),
  /** Undefined: the profile's. */
  strategy: strategy.optional(),
  trials: z.int().min(1).max(1_000_000),
  seed: z
    .union([z.string().min(1), z.number()])
    .transform(String)
    .default('1'),
  network: network.default({ providers: 3 }),
  timers: timers.optional(),
  rules: rules.optional(),
};
