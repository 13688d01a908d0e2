import { setTimeout as sleep } from 'node:timers/promises';
import {
  figure7Nodes,
  DRAFT,
  PROVABLE,
  type Figure7Example,
  type Figure7Name as Name,
} from '../../sim/sam/figure7-facts.js';
import type { PassageReport, PhaseReport, SamReport } from '../../sim/sam/report.js';
import { parseAddress } from '../../wire/address.js';
import { prefixOf } from '../../wire/prefix.js';
import {
  CLASSIC,
  exitConfigurations,
  FAR,
  FAR_PLAIN,
  figure7,
  providerOf,
  samConfigurations,
} from './figure7.js';
import {
  addressesOf,
  advertises,
  inSite,
  judge,
  hostConfiguration,
  provenAddress,
  type DemonstrationOptions,
} from './run.js';
import { liveThrough, until } from './session.js';
import type { Site } from './site.js';
import type { Watch, WatchPlaces } from './watch.js';

const PLACES: WatchPlaces = {
  origins: [
    ['host', 'wlan0'],
    ['host', 'eth0'],
  ],
  providers: [
    ['ispA', 'cust'],
    ['ispB', 'cust'],
  ],
  far: ['far', 'eth0'],
};

const ADVERTISEMENTS_APART = 3_000;
const WITHDRAWN_WITHIN = 15_000;

const isp = (name: Name): string => (name.startsWith('A') ? 'ispA' : 'ispB');

/** Figure 7 in network namespaces: plain routing, `[exit]`, SAM, and a provider that dies. */
export async function demonstrateFigure7(options: DemonstrationOptions): Promise<SamReport> {
  const phases: PhaseReport[] = [];
  const done = (phase: PhaseReport): void => {
    phases.push(phase);
    options.onPhase(phase);
  };
  const { onStep } = options;
  onStep('building the classic site: addresses of both providers on the site’s link');
  await inSite(figure7(true), PLACES, options, async (site, watch) => {
    await carriersUp(watch);
    const plain = (n: Name) => ({ by: 'ispA', arrives: isp(n) === 'ispA' });
    done(await phase(watch, 'plain', 'plain routing: everything by gateway A', CLASSIC, plain));
    onStep('starting rehome with [exit] on both gateways');
    const { gwA, gwB } = exitConfigurations();
    await Promise.all([site.daemon('gwA', gwA), site.daemon('gwB', gwB)]);
    const right = (n: Name) => ({ by: isp(n), arrives: true });
    done(await phase(watch, 'exit', '[exit] on the gateways: by the source', CLASSIC, right));
  });
  onStep('building the site again, with local addresses only, and starting SAM');
  const example = options.identity === 'hba' ? PROVABLE : DRAFT;
  return inSite(figure7(false, example), PLACES, options, (site, watch) =>
    withSam({ site, watch, example, options }, phases, done),
  );
}

interface Scene {
  readonly site: Site;
  readonly watch: Watch;
  readonly example: Figure7Example;
  readonly options: DemonstrationOptions;
}

async function withSam(
  { site, watch, example, options }: Scene,
  phases: readonly PhaseReport[],
  done: (phase: PhaseReport) => void,
): Promise<SamReport> {
  const { gwA, gwB, host } = samConfigurations(example);
  await Promise.all([
    site.daemon('gwA', gwA).then(advertises),
    site.daemon('gwB', gwB).then(advertises),
  ]);
  // Routers answer no sooner than 3 s after their last advertisement (RFC 4861 §6.2.6): the site is to be at rest.
  await sleep(ADVERTISEMENTS_APART);
  options.onStep('both gateways advertise; starting the host');
  const daemon = await site.daemon('host', `${hostConfiguration(options.identity)}${host}`);
  await addressesOf(daemon, Object.keys(example.addresses).length);
  const { startedAt } = (await daemon.client.status()).daemon;
  const autoconfigurationMs = Date.now() - Date.parse(startedAt);
  const right = (n: Name) => ({ by: isp(n), arrives: true });
  done(await phase(watch, 'sam', 'SAM: each source by its own gateway', example.addresses, right));
  options.onStep('starting Shim6 on the Internet host, and a TCP session by provider B');
  const ends = await sessionEnds(site, example, options.identity);
  const session = await liveThrough(site, {
    from: 'host',
    to: 'far',
    ...ends,
    seed: options.seed,
    cause: 'provider B drops everything without a word',
    disturb: () => {
      options.onStep('provider B dies');
      site.withNetlink('ispB', (nl) =>
        nl.addRule({ priority: 500, action: 'blackhole', protocol: 4 }),
      );
    },
    leavesBy: providerOf,
  });
  const half = (n: Name) => ({ by: isp(n), arrives: isp(n) === 'ispA' });
  done(await phase(watch, 'dead', 'provider B is dead: new packets by A', example.addresses, half));
  options.onStep('gateway B loses its link to the provider, and tells the zone');
  done(await withdrawn(site, watch));
  const reasons = judge(phases, { autoconfigurationMs, kept: session.kept });
  return {
    schema: 1,
    kind: 'sam',
    figure: 7,
    world: 'namespaces',
    seed: options.seed,
    ok: reasons.length === 0,
    reasons,
    nodes: figure7Nodes(example),
    autoconfigurationMs,
    phases,
    session,
  };
}

/** Starts Shim6 on the Internet host. @returns what the session's programs use: with HBA the addresses that prove themselves */
async function sessionEnds(
  site: Site,
  example: Figure7Example,
  identity: DemonstrationOptions['identity'],
): Promise<{ readonly local: string; readonly peer: string }> {
  const far = await site.daemon('far', hostConfiguration(identity));
  if (identity === 'none') return { local: example.addresses.BH, peer: FAR };
  const local = { address: parseAddress(example.addresses.BH), length: 64 };
  const peer = prefixOf(parseAddress(FAR), 64);
  return {
    local: await provenAddress(site.runningDaemon('host'), local),
    peer: await provenAddress(far, peer),
  };
}

/** A new connection that leaves the choice of its source to the host, once B's prefix has been taken back. */
async function withdrawn(site: Site, watch: Watch): Promise<PhaseReport> {
  site.withNetlink('ispB', (nl) => nl.setLink('cust', { up: false }));
  const daemon = site.runningDaemon('host');
  const to = parseAddress(FAR_PLAIN);
  const chosenSource = (): string | undefined =>
    site.withNetlink('host', (nl) => nl.routeFor({ destination: to }))?.preferredSource;
  const byA = async (): Promise<string | undefined> => {
    const { addresses } = await daemon.client.sam();
    if (addresses.some((a) => !a.deprecated && providerOf(a.address) !== 'ispA')) return undefined;
    const source = chosenSource();
    return source !== undefined && providerOf(source) === 'ispA' ? source : undefined;
  };
  const complaint = 'the host goes on choosing sources of a provider that is gone';
  const chosen = await until(byA, WITHDRAWN_WITHIN, complaint, daemon);
  const seen = await watch.follow('host', chosen, FAR_PLAIN);
  const expected = seen.leftBy.join() === 'ispA' && seen.rttMs !== null;
  return {
    name: 'withdrawn',
    title: 'gateway B has no link: a new connection, its source chosen by the host',
    passages: [{ name: 'new', ...seen, expected }],
  };
}

/** Links take a moment until they carry packets. */
async function carriersUp(watch: Watch): Promise<void> {
  for (const source of [CLASSIC.AH, CLASSIC.AK]) {
    for (let i = 0; i < 20; i++) {
      if ((await watch.follow('host', source, FAR)).rttMs !== null) break;
    }
  }
}

async function phase(
  watch: Watch,
  name: string,
  title: string,
  sources: Readonly<Record<Name, string>>,
  should: (name: Name) => { readonly by: string; readonly arrives: boolean },
): Promise<PhaseReport> {
  const passages: PassageReport[] = [];
  for (const [short, source] of Object.entries(sources) as [Name, string][]) {
    const seen = await watch.follow('host', source, FAR_PLAIN);
    const { by, arrives } = should(short);
    const went = seen.leftBy.join() === by && seen.arrived === arrives;
    const expected = went && (seen.rttMs !== null) === arrives && seen.unchanged !== false;
    passages.push({ name: short, ...seen, expected });
  }
  return { name, title, passages };
}
