import { round } from '../../sim/experiments/exploration.js';
import { storm as sim } from '../../sim/experiments/storm.js';
import type { TrialRecord } from '../../sim/experiments/types.js';
import { SeededRandom } from '../../sim/random.js';
import type { ScenarioOf } from '../../sim/scenario/schema.js';
import { quantile } from '../../sim/stats.js';
import { monotonicMs } from '../../linux/clock.js';
import { RehomeError } from '../../wire/errors.js';
import { HOSTS, parsePathSelector } from '../paths.js';
import type { HostEvent } from '../event-watch.js';
import type { LabBed } from './bed.js';
import { pathParameters } from './settings.js';
import { Trace } from './trace.js';
import { trialSeed, type Fitted, type LabExperiment, type LabUnit } from './types.js';

type Scenario = ScenarioOf<'storm'>;

/** As the simulator. */
const WARM_UP = 1_500;
const SETTLE = 2_500;
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

/** What becomes of all contexts at both ends. */
class Tally {
  exploring = 0;
  left = 0;
  readonly back: number[] = [];
  readonly #cutAt: number;

  constructor(cutAt: number) {
    this.#cutAt = cutAt;
  }
  readonly heard = ({ at, name }: HostEvent): void => {
    if (at < Math.floor(this.#cutAt)) return;
    if (name === 'failure-suspected') {
      this.exploring++;
      this.left++;
    } else if (name === 'operational') {
      this.exploring--;
      this.back.push(at - this.#cutAt);
    }
  };
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
  await bed.pause(WARM_UP);
  const established = (await bed.lab.contexts('A')).filter((c) => c.state === 'ESTABLISHED').length;
  const trace = await Trace.begin(bed);
  const link = parsePathSelector('a1');
  bed.flows.watch();
  const heard: HostEvent[] = [];
  const unlisten = bed.listen((event) => heard.push(event));
  const cutAt = await bed.lab.cut(link);
  const tally = (): Tally => {
    const all = new Tally(cutAt);
    heard.forEach(all.heard);
    return all;
  };
  let seen = tally();
  while (monotonicMs() - cutAt < patience && !(seen.left >= 2 * flows && seen.exploring === 0)) {
    await bed.pause(50);
    seen = tally();
  }
  const ok = seen.left >= 2 * flows && seen.exploring === 0;
  await bed.pause(SETTLE);
  unlisten();
  const now = monotonicMs();
  const open = pathParameters(scenario.network);
  const packets = await trace.end((path, at) => ({
    ...open,
    stopped: at >= cutAt && link.includes(path),
  }));
  const windows: number[] = [];
  const probes = packets.filter(({ at, control }) => at >= cutAt && control?.message === 'probe');
  for (const { at } of probes) {
    const i = Math.floor((at - cutAt) / window);
    windows[i] = (windows[i] ?? 0) + 1;
  }
  const counts = Array.from(windows, (n) => n ?? 0); // without holes
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
    probes: probes.length,
    peakPerSecond: Math.round((Math.max(0, ...counts) * 1_000) / window),
    allBackMs: ok ? round(seen.back.reduce((most, at) => Math.max(most, at), 0)) : null,
    medianBackMs: round(quantile(seen.back, 0.5)),
    flowing: all.filter(([a, b]) => recent(a.lastAt) && recent(b?.lastAt)).length,
    longestGapMs: round(gaps.reduce((most, gap) => Math.max(most, gap), 0)),
    medianGapMs: round(quantile(gaps, 0.5)),
    windows: counts,
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
