import type { Vocabulary } from '../../daemon/config/issues.js';
import { TIMER_KEYS } from '../../daemon/config/timers.js';
import { REAP_PROFILES } from '../../reap/constants.js';
import { STRATEGY_NAMES } from '../../reap/strategy/index.js';

const quoted = (names: readonly string[]): string => names.map((n) => `"${n}"`).join(', ');
const DURATION = 'write a duration, e.g. "500ms", "3s", "1min", or a number of seconds';
const DURATIONS = 'write a list of durations, e.g. ["3s", "10s"]';
const PATHS = 'write a list of paths, e.g. ["a1>b2", "a1<>b1", "a3", "all"]';

const LINK: Readonly<Record<string, string>> = {
  delay: DURATION,
  jitter: DURATION,
  loss: 'write a probability from 0 to 1',
  duplicate: 'write a probability from 0 to 1',
  rate: 'write Mbit/s, or "off"',
  queue: 'write octets, from 1280 on',
};
const TRAFFIC: Readonly<Record<string, string>> = {
  model:
    'write "cbr", "one-way", "bulk", "request-response", "idle-then-active" or "mix", and only the keys of that model',
  interval: DURATION,
  size: 'write octets of payload, 4 to 1400',
  think: DURATION,
  request: 'write octets of payload, 4 to 1400',
  response: 'write octets of payload, 4 to 1400',
  active: DURATION,
  idle: DURATION,
  arrivals: 'write transfers a second, above 0',
  mean_size: 'write a whole number of octets',
  alpha: 'write a number above 1, to 3',
};
const under = (
  lead: string,
  words: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(words).map(([key, want]) => [`${lead}.${key}`, want]));

/** What each key of a scenario wants. Keys are written without array indices. */
export const WANTS: Readonly<Record<string, string>> = {
  experiment:
    'write "survival", "exploration", "selection", "detection", "storm", "asymmetric" or "timeline"',
  title: 'write a line of text',
  profile: `write ${quoted(Object.keys(REAP_PROFILES))}`,
  strategy: `write one of ${STRATEGY_NAMES}, in quotes`,
  trials: 'write a whole number from 1 to 1000000',
  seed: 'write a text or a number',
  network: 'write a table with providers, delay, jitter, loss, duplicate, rate, queue',
  'network.providers': 'write how many providers each host has, 1 to 4',
  ...under('network', LINK),
  timers: 'write a table of constants, as in docs/config.md',
  rules: 'write a table with pace, choice',
  'rules.pace': 'write "timer", "every-probe" or "sweep"',
  'rules.choice': 'write "keep-current", "first-heard" or "best"',
  traffic: 'write a table with model and the keys of that model',
  ...under('traffic', TRAFFIC),
  survival: 'write a table with delays, cut_after, run_for, sample',
  'survival.delays': 'write a list of one-way delays, e.g. ["0ms", "50ms"]',
  'survival.cut_after': DURATION,
  'survival.run_for': DURATION,
  'survival.sample': DURATION,
  exploration: 'write a table with broken and patience',
  'exploration.broken':
    'write a list of whole numbers: how many one-way paths are broken, e.g. [1, 2, 16]',
  'exploration.patience': DURATION,
  selection: 'write a table with step, chain, patience and one [[selection.variant]] for each bar',
  'selection.step': DURATION,
  'selection.chain': 'write how many failures follow each other, 5 to 10000',
  'selection.patience': DURATION,
  'selection.variant': 'write one [[selection.variant]] table with a name for each',
  'selection.variant.name': 'write a short text',
  'selection.variant.spacing': DURATION,
  'selection.variant.strategy': `write one of ${STRATEGY_NAMES}, in quotes`,
  'selection.variant.paper': 'write percent, 0 to 100',
  'selection.variant.paper_round_trip': DURATION,
  detection: 'write a table with send_timers, losses, watch and one [[detection.traffic]] each',
  'detection.send_timers': DURATIONS,
  'detection.losses': 'write a list of probabilities from 0 to 0.9',
  'detection.watch': DURATION,
  'detection.watches': 'write a whole number of runs, 1 to 10000',
  'detection.patience': DURATION,
  'detection.traffic': 'write one [[detection.traffic]] table with a model for each',
  ...under('detection.traffic', TRAFFIC),
  storm:
    'write a table with flows, hosts, own_peers, providers, peer_providers, access, notices, warm_up, window, patience',
  'storm.notices': 'write true or false',
  'storm.warm_up': DURATION,
  'storm.flows': 'write a list of whole numbers, e.g. [10, 1000]',
  'storm.hosts': 'write a whole number from 1 to 100000',
  'storm.own_peers': 'write true or false',
  'storm.providers': 'write a whole number from 2 to 4',
  'storm.peer_providers': 'write a whole number from 1 to 4',
  'storm.access': 'write a table with delay, rate, queue, loss',
  ...under('storm.access', LINK),
  'storm.window': DURATION,
  'storm.patience': DURATION,
  asymmetric: 'write a table with working and patience',
  'asymmetric.working': 'write the one-way paths that are left, e.g. ["a1>b1", "b2>a3"]',
  'asymmetric.patience': DURATION,
  run_for: DURATION,
  site: 'write one [[site]] table for each',
  'site.name': 'write a name of 1 to 8 lower-case letters',
  'site.providers': 'write a whole number from 1 to 4',
  'site.hosts': 'write a whole number from 1 to 1000',
  'site.routing': 'write "source" or "default"',
  'site.access': 'write a table with delay, rate, queue, loss',
  ...under('site.access', LINK),
  host: 'write one [[host]] table for each',
  'host.name': 'write a name of 1 to 8 lower-case letters',
  'host.providers': 'write a whole number from 1 to 4',
  'host.rehome': 'write true or false',
  flow: 'write one [[flow]] table for each',
  'flow.from': 'write the name of a host, e.g. "a", or of a host in a site, e.g. "campus.3"',
  'flow.to': 'write the name of a host, e.g. "b", or of a host in a site, e.g. "campus.3"',
  'flow.start': DURATION,
  'flow.protect': 'write true or false',
  'flow.traffic': 'write a table with model and the keys of that model',
  ...under('flow.traffic', TRAFFIC),
  event: 'write one [[event]] table for each',
  'event.at': DURATION,
  'event.cut': PATHS,
  'event.restore': PATHS,
  'event.paths': PATHS,
  ...under('event', LINK),
};

export const SCENARIO_WORDS: Vocabulary = {
  manual: 'docs/simulator.md',
  wantOf: (key) =>
    TIMER_KEYS.some((t) => `timers.${t.key}` === key)
      ? 'write a value as in docs/config.md, [timers]'
      : WANTS[key],
  knownKeys: (path) => {
    const key = path.filter((part) => typeof part === 'string').join('.');
    if (key === 'timers') return TIMER_KEYS.map((t) => t.key);
    const lead = key === '' ? '' : `${key}.`;
    return Object.keys(WANTS)
      .filter((k) => k.startsWith(lead) && !k.slice(lead.length).includes('.'))
      .map((k) => k.slice(lead.length));
  },
};
