import { round } from '../../sim/experiments/exploration.js';
import { MessageCount } from '../../sim/experiments/message-count.js';
import { OffDead, type Sender } from '../../sim/experiments/off-dead.js';
import { SETTLE, storm as sim } from '../../sim/experiments/storm.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import type { ScenarioOf } from '../../sim/scenario/schema.js';
import { quantile } from '../../sim/stats.js';
import { monotonicMs } from '../../linux/clock.js';
import { RehomeError } from '../../wire/errors.js';
import { ms } from '../../wire/units.js';
import { HOSTS, parsePathSelector, type Host } from '../paths.js';
import type { HostEvent } from '../event-watch.js';
import type { LabBed } from './bed.js';
import { pathParameters } from './settings.js';
import { Trace } from './trace.js';
import { trialSeed, type Fitted, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'storm'>;

const PORT = 1_024;
/** More contexts between two daemons than this want more CPU for their probes than a small machine has. */
const MOST_FLOWS = 1_000;
/** Contexts asked for at the same time. */
const AT_ONCE = 16;
const ESTABLISH_MS = 60_000;

/**
 * One access link of a site dies. Host A stands for all hosts of the site and B for all their peers: each has an HBA set
 * for each, so that contexts have the locators they would have on hosts of their own.
 */
export const storm: LabExperiment<'storm'> = {
  sim,
  reduce: (scenario) => ({ ...scenario, storm: { ...scenario.storm, flows: [10, 100, 1_000] } }),
  fit: (scenario): Fitted<Scenario> => {
    const { flows } = scenario.storm;
    const few = flows.filter((count) => count <= MOST_FLOWS);
    if (few.length === 0) {
      throw new RehomeError(
        'REHOME_E_SCENARIO',
        `the lab does ${MOST_FLOWS.toLocaleString('en')} flows at most, all on this machine's processors: write fewer, or use \`rehome sim run\``,
        flows,
      );
    }
    const left = flows.filter((count) => count > MOST_FLOWS);
    return {
      scenario: { ...scenario, storm: { ...scenario.storm, flows: few } },
      left: left.map(
        (count) =>
          `${count.toLocaleString('en')} flows run in the simulator only: the lab does ${MOST_FLOWS.toLocaleString('en')} at most.`,
      ),
    };
  },
  seconds: ({ storm: { flows } }, part) => 16 + (flows[part] ?? 0) / 50,
  settings: (scenario, part, settings) => {
    const { hosts, providers, peer_providers: peers, own_peers: own } = scenario.storm;
    if (providers > 3 || peers > 3) {
      throw new RehomeError('REHOME_E_SCENARIO', "the lab's hosts have three providers at most");
    }
    const flows = scenario.storm.flows[part] ?? 1;
    const inside = Math.min(hosts, flows);
    const outside = own ? flows : Math.ceil(flows / inside);
    return {
      ...settings,
      daemon: { ...settings.daemon, identity: 'hba', sec: 0 },
      absent: [...['a1', 'a2', 'a3'].slice(providers), ...['b1', 'b2', 'b3'].slice(peers)],
      crowd: { A: inside, B: outside },
    };
  },
  run: async (bed, scenario, unit) => [await runTrial(bed, scenario, unit)],
};

/** Tags are a host's own. */
const keyOf = (host: Host, tag: string | null): string => `${host} ${tag ?? ''}`;

/** Probes and pings that the hosts of the site, all of them host A, have sent so far. */
async function askedInside(bed: LabBed): Promise<number> {
  const { engine } = (await bed.lab.daemon('A').client.status()).counters;
  return (engine['sent-probe'] ?? 0) + (engine['pings-sent'] ?? 0);
}

/** All contexts at both ends, and over which pair each sends. */
async function senders(bed: LabBed): Promise<Sender[]> {
  const all = await Promise.all(
    HOSTS.map(async (host) =>
      (await bed.lab.contexts(host)).map(({ tag, pair }) => ({ key: keyOf(host, tag), pair })),
    ),
  );
  return all.flat();
}

async function runTrial(
  bed: LabBed,
  scenario: Scenario,
  { part, first: trial }: LabUnit,
): Promise<TrialRecord> {
  const { window, patience } = scenario.storm;
  const flows = scenario.storm.flows[part] ?? 1;
  const { crowd } = bed;
  if (crowd === undefined) throw new RangeError('a storm needs a crowd');
  const random = new SeededRandom(trialSeed(scenario.seed, 'storm', flows, trial));
  await bed.fresh();
  const ends = Array.from({ length: flows }, (_, i) => {
    const shared = Math.floor(i / crowd.A.length);
    return {
      local: crowd.A[i % crowd.A.length]?.[0] ?? '',
      peer: crowd.B[scenario.storm.own_peers ? i : shared]?.[0] ?? '',
    };
  });
  await establishAll(bed, ends);
  for (const [i, { local, peer }] of ends.entries()) {
    const place = { source: local, destination: peer, port: PORT + 2 * i };
    await bed.flows.begin(scenario.traffic, place, random.fork(`flow ${i}`));
  }
  await bed.pause(scenario.storm.warm_up);
  const established = (await bed.lab.contexts('A')).filter((c) => c.state === 'ESTABLISHED').length;
  const trace = await Trace.begin(bed);
  const link = parsePathSelector('a1');
  bed.flows.watch();
  const before = await senders(bed);
  const askedBefore = await askedInside(bed);
  const heard: HostEvent[] = [];
  const unlisten = bed.listen((event) => heard.push(event));
  const cutAt = await bed.lab.cut(link);
  const dead = crowd.A.flatMap(([first]) => first ?? []);
  const seen = (): OffDead => {
    const all = new OffDead(before, dead, cutAt);
    for (const event of heard) {
      if (event.at >= Math.floor(cutAt)) all.heard(keyOf(event.host, event.tag), event);
    }
    return all;
  };
  while (monotonicMs() - cutAt < patience && seen().left > 0) await bed.pause(50);
  const offDead = seen();
  const inside = (await askedInside(bed)) - askedBefore;
  await bed.pause(SETTLE);
  unlisten();
  const now = monotonicMs();
  const open = pathParameters(scenario.network);
  const packets = await trace.end((path, at) => ({
    ...open,
    stopped: at >= cutAt && link.includes(path),
  }));
  const sent = new MessageCount(ms(cutAt), window);
  for (const { at, packet } of packets) if (at >= cutAt) sent.count(packet, at);
  const backAfter = offDead.after();
  const [atA, atB] = await Promise.all(HOSTS.map((host) => bed.flows.arrivals(host)));
  const all = [...(atA ?? [])].map(([id, a]) => [a, atB?.get(id)] as const);
  const recent = (lastAt: number | null | undefined): boolean => now - (lastAt ?? 0) < SETTLE;
  const gaps = all.map(([a, b]) => Math.max(a.longestGap, b?.longestGap ?? Infinity));
  return {
    trial,
    flows,
    hosts: crowd.A.length,
    peers: crowd.B.length,
    established,
    ...sent.totals,
    peakPerSecond: Math.round(sent.peakPerSecond),
    allBackMs: offDead.left === 0 ? round(backAfter.reduce((a, b) => Math.max(a, b), 0)) : null,
    medianBackMs: round(quantile(backAfter, 0.5)),
    flowing: all.filter(([a, b]) => recent(a.lastAt) && recent(b?.lastAt)).length,
    longestGapMs: round(gaps.reduce((most, gap) => Math.max(most, gap), 0)),
    medianGapMs: round(quantile(gaps, 0.5)),
    windows: sent.windows,
    inside,
  };
}

/** @throws RehomeError REHOME_E_LAB when some are missing after a minute */
async function establishAll(
  bed: LabBed,
  pairs: readonly { readonly local: string; readonly peer: string }[],
): Promise<void> {
  const { client } = bed.lab.daemon('A');
  for (let from = 0; from < pairs.length; from += AT_ONCE) {
    await Promise.all(pairs.slice(from, from + AT_ONCE).map((pair) => client.establish(pair)));
  }
  const end = monotonicMs() + ESTABLISH_MS;
  for (;;) {
    const counts = await Promise.all(
      HOSTS.map(async (host) => {
        const contexts = await bed.lab.contexts(host);
        return contexts.filter(({ state }) => state === 'ESTABLISHED').length;
      }),
    );
    if (counts.every((count) => count >= pairs.length)) return;
    if (monotonicMs() > end) {
      throw new RehomeError(
        'REHOME_E_LAB',
        `only ${Math.min(...counts)} of ${pairs.length} contexts were established within a minute`,
      );
    }
    await bed.pause(200);
  }
}
