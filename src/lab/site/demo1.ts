import type { NodeReport, PassageReport, PhaseReport, SamReport } from '../../sim/sam/report.js';
import type { SamJson } from '../../control/schema.js';
import { figure1, HOSTS, PROVIDERS, ROUTERS, zoneConfiguration } from './figure1.js';
import {
  addressesOf,
  advertises,
  inSite,
  judge,
  hostConfiguration,
  type DemonstrationOptions,
} from './run.js';
import { liveThrough } from './session.js';
import type { Site } from './site.js';
import type { Watch, WatchPlaces } from './watch.js';

const PLACES: WatchPlaces = {
  origins: [['f', 'zF']],
  providers: [
    ['net', 'A'],
    ['net', 'B'],
  ],
  far: ['s', 'zS'],
  nameOf: ([, name]) => name,
};

/** Daemons started at the same time: each takes a second of processor time. */
const AT_ONCE = 4;
/** The names of f's prefixes: providers and zones on the way down. */
const NAMES: Readonly<Record<string, string>> = {
  '2001:db0:1ca:1dc:': 'ACDF',
  '2001:db1:1cb:1dc:': 'BCDF',
  '2001:db0:1ea:1de:': 'AEDF',
  '2001:db1:1eb:1de:': 'BEDF',
  '2001:db0:1ea:1fe:': 'AEF',
  '2001:db1:1eb:1fe:': 'BEF',
  '2001:db0:1c9:1dc:': "AC'DF",
};
const nameOf = (address: string): string =>
  Object.entries(NAMES).find(([start]) => address.startsWith(start))?.[1] ?? '?';
const providerOf = (address: string): string | null =>
  address.startsWith('2001:db0:') ? 'A' : address.startsWith('2001:db1:') ? 'B' : null;

/** What router CA is called in zone A from the renumbering on. */
const NEW_INFIX = 'c9';

/** Figure 1 in network namespaces: three levels, another site, and a middle zone that is renumbered. */
export async function demonstrateFigure1(options: DemonstrationOptions): Promise<SamReport> {
  options.onStep('building zones A to F, two parents each, and another site');
  return inSite(figure1(), PLACES, options, (site, watch) => inZones(site, watch, options));
}

async function inZones(
  site: Site,
  watch: Watch,
  options: DemonstrationOptions,
): Promise<SamReport> {
  const phases: PhaseReport[] = [];
  const done = (phase: PhaseReport): void => {
    phases.push(phase);
    options.onPhase(phase);
  };
  await startRouters(site, options);
  options.onStep('all routers advertise; starting the hosts');
  const [f, s] = await Promise.all([
    site.daemon('f', `${hostConfiguration('none')}${zoneConfiguration('f')}`),
    site.daemon('s', `${hostConfiguration('none')}${zoneConfiguration('s')}`),
  ]);
  const [own, [peer = '']] = await Promise.all([addressesOf(f, 6), addressesOf(s, 1)]);
  const { startedAt } = (await f.client.status()).daemon;
  const autoconfigurationMs = Date.now() - Date.parse(startedAt);
  const nodes = await describe(site);
  done(
    await phase(
      watch,
      'zones',
      'from the lowest zone to the other site, by each prefix',
      own,
      peer,
    ),
  );
  const local = own.find((a) => nameOf(a) === 'ACDF') ?? '';
  options.onStep('a TCP session between f and s under Shim6, by ACDF');
  const session = await liveThrough(site, {
    from: 'f',
    to: 's',
    local,
    peer,
    seed: options.seed,
    cause: 'zone C gets another prefix from zone A',
    disturb: async () => {
      options.onStep(`renumbering: router CA leaves zone A and comes back as ${NEW_INFIX}`);
      await site.daemon('CA', zoneConfiguration('CA', NEW_INFIX));
    },
    leavesBy: providerOf,
  });
  const after = await renumbered(site);
  done(await phase(watch, 'renumbered', 'after the renumbering', after, peer));
  const reasons = [
    ...judge(phases, { autoconfigurationMs: null, kept: session.kept }),
    ...(after.some((a) => nameOf(a) === "AC'DF") ? [] : ['f has no address of the new prefix']),
    ...(after.some((a) => nameOf(a) === 'ACDF') ? ['f still has the old prefix'] : []),
  ];
  return {
    schema: 1,
    kind: 'sam',
    figure: 1,
    world: 'namespaces',
    seed: options.seed,
    ok: reasons.length === 0,
    reasons,
    nodes,
    autoconfigurationMs,
    phases,
    session,
  };
}

/** From the top down, a few at a time. */
async function startRouters(site: Site, options: DemonstrationOptions): Promise<void> {
  const all = [...Object.keys(PROVIDERS), ...ROUTERS];
  for (let i = 0; i < all.length; i += AT_ONCE) {
    const some = all.slice(i, i + AT_ONCE);
    options.onStep(`starting ${some.join(', ')}`);
    await Promise.all(some.map((n) => site.daemon(n, zoneConfiguration(n))));
  }
  await Promise.all(all.map((n) => advertises(site.runningDaemon(n))));
}

/** f's addresses once the new prefix has come down to it. */
async function renumbered(site: Site): Promise<readonly string[]> {
  const f = site.runningDaemon('f');
  for (let i = 0; i < 200; i++) {
    const { addresses } = await f.client.sam();
    const valid = addresses.filter((a) => !a.deprecated).map((a) => a.address);
    if (valid.some((a) => nameOf(a) === "AC'DF")) return valid;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [];
}

async function describe(site: Site): Promise<NodeReport[]> {
  const nodes = [...Object.keys(PROVIDERS), ...ROUTERS, ...Object.keys(HOSTS)];
  return Promise.all(
    nodes.map(async (name) => nodeReport(name, await site.runningDaemon(name).client.sam())),
  );
}

const nodeReport = (name: string, { zones, addresses, providers }: SamJson): NodeReport => ({
  name,
  addresses: zones.flatMap((z) => z.links.flatMap((l) => l.local ?? [])),
  prefixes: [...new Set([...providers.map((p) => p.prefix), ...addresses.map((a) => a.delegated)])],
});

async function phase(
  watch: Watch,
  name: string,
  title: string,
  sources: readonly string[],
  peer: string,
): Promise<PhaseReport> {
  const passages: PassageReport[] = [];
  for (const source of sources) {
    const seen = await watch.follow('f', source, peer);
    const right = seen.leftBy.join() === providerOf(source) && seen.arrived && seen.rttMs !== null;
    const expected = right && seen.unchanged === true;
    passages.push({ name: nameOf(source), ...seen, expected });
  }
  return { name, title, passages };
}
