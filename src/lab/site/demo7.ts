import type { NodeReport, PassageReport, PhaseReport, SamReport } from '../../sim/sam/report.js';
import { formatPrefix } from '../../wire/prefix.js';
import { delegate } from '../../sam/mapping.js';
import { parseAddress } from '../../wire/address.js';
import { parsePrefix } from '../../wire/prefix.js';
import {
  CLASSIC,
  exitConfigurations,
  FAR,
  FAR_PLAIN,
  figure7,
  PREFIX_A,
  PREFIX_B,
  samConfigurations,
} from './figure7.js';
import type { HostDaemon } from '../host-daemon.js';
import { liveThrough, until } from './session.js';
import { Site } from './site.js';
import { Watch } from './watch.js';

export interface DemonstrationOptions {
  readonly seed: string;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** A line for people, when something begins. */
  readonly onStep: (text: string) => void;
  readonly onPhase: (phase: PhaseReport) => void;
}

const PROVIDERS = [
  ['ispA', 'cust'],
  ['ispB', 'cust'],
] as const;

/** The host's four addresses with SAM, by the draft's names: provider's letter, interface's letter. */
export const SAM_ADDRESSES = {
  AH: '2001:db8:a:1297:7770::',
  AK: '2001:db8:a:1298:8880::',
  BH: '2001:db8:b:12:9777:7000::',
  BK: '2001:db8:b:12:9888:8000::',
} as const;
type Name = keyof typeof CLASSIC;

/** What every daemon of the lab is told: addresses as long as the draft's cannot be proven (docs/sam.md). */
const UNPROVEN =
  'security = "none"\nforce_insecure = true\nprofile = "paper"\n[trigger]\npackets = 10\n';

const isp = (name: Name): string => (name.startsWith('A') ? 'ispA' : 'ispB');

/** Figure 7 in network namespaces: plain routing, `[exit]`, SAM, and a provider that dies. */
export async function demonstrateFigure7(options: DemonstrationOptions): Promise<SamReport> {
  const phases: PhaseReport[] = [];
  const done = (phase: PhaseReport): void => {
    phases.push(phase);
    options.onPhase(phase);
  };
  options.onStep('building the classic site: addresses of both providers on the site’s link');
  await inSite(true, options, async (site, watch) => {
    done(await phase(watch, 'plain', 'plain routing: everything by gateway A', CLASSIC, (n) => ({
      by: 'ispA',
      arrives: isp(n) === 'ispA',
    }))); // prettier-ignore
    options.onStep('starting rehome with [exit] on both gateways');
    const { gwA, gwB } = exitConfigurations();
    await Promise.all([site.daemon('gwA', gwA), site.daemon('gwB', gwB)]);
    done(await phase(watch, 'exit', '[exit] on the gateways: by the source', CLASSIC, (n) => ({
      by: isp(n),
      arrives: true,
    }))); // prettier-ignore
  });
  options.onStep('building the site again, with local addresses only, and starting SAM');
  return inSite(false, options, (site, watch) => withSam(site, watch, options, phases, done));
}

async function withSam(
  site: Site,
  watch: Watch,
  options: DemonstrationOptions,
  phases: readonly PhaseReport[],
  done: (phase: PhaseReport) => void,
): Promise<SamReport> {
  const { gwA, gwB, host } = samConfigurations();
  await Promise.all([
    site.daemon('gwA', gwA).then(advertises),
    site.daemon('gwB', gwB).then(advertises),
  ]);
  options.onStep('both gateways advertise; starting the host');
  const daemon = await site.daemon('host', `${UNPROVEN}${host}`);
  const wanted = Object.values(SAM_ADDRESSES);
  const all = async (): Promise<true | undefined> => {
    const own = (await daemon.client.locators()).local.map((l) => l.address);
    return wanted.every((a) => own.includes(a)) ? true : undefined;
  };
  await until(all, 30_000, 'the host has not got its four addresses', daemon);
  const { startedAt } = (await daemon.client.status()).daemon;
  const autoconfigurationMs = Date.now() - Date.parse(startedAt);
  done(await phase(watch, 'sam', 'SAM: each source by the gateway it belongs to', SAM_ADDRESSES, (n) => ({
    by: isp(n),
    arrives: true,
  }))); // prettier-ignore
  options.onStep('starting Shim6 on the Internet host, and a TCP session by provider B');
  await site.daemon('far', UNPROVEN);
  const session = await liveThrough(site, {
    from: 'host',
    to: 'far',
    local: SAM_ADDRESSES.BH,
    peer: FAR,
    seed: options.seed,
    cause: 'provider B drops everything without a word',
    disturb: () => {
      options.onStep('provider B dies');
      site.withNetlink('ispB', (nl) =>
        nl.addRule({ priority: 500, action: 'blackhole', protocol: 4 }),
      );
    },
    leavesBy: (source) => providerOf(source),
  });
  done(await phase(watch, 'dead', 'provider B is dead: new connections by A', SAM_ADDRESSES, (n) => ({
    by: isp(n),
    arrives: isp(n) === 'ispA',
  }))); // prettier-ignore
  const reasons = judge(phases, autoconfigurationMs, session.kept);
  return {
    schema: 1,
    kind: 'sam',
    figure: 7,
    world: 'namespaces',
    seed: options.seed,
    ok: reasons.length === 0,
    reasons,
    nodes: figure7Nodes(),
    autoconfigurationMs,
    phases,
    session,
  };
}

/** Waits until a gateway has its local address and advertises. @throws RehomeError REHOME_E_LAB_DAEMON */
export async function advertises(daemon: HostDaemon): Promise<void> {
  const ready = async (): Promise<true | undefined> => {
    const { zones } = await daemon.client.sam();
    const ours = zones.filter((z) => z.role === 'gateway').flatMap((z) => z.links);
    return ours.some((l) => l.advertising) ? true : undefined;
  };
  await until(ready, 30_000, `${daemon.host} does not advertise`, daemon);
}

/** Milliseconds that a host may take. */
const CONFIGURED_WITHIN = 5_000;

export function judge(
  phases: readonly PhaseReport[],
  autoconfigurationMs: number | null,
  kept: boolean,
): string[] {
  return [
    ...phases.flatMap((p) =>
      p.passages
        .filter((x) => !x.expected)
        .map((x) => `${p.name}: ${x.name} (${x.source}) did not go as it should`),
    ),
    ...(autoconfigurationMs !== null && autoconfigurationMs > CONFIGURED_WITHIN
      ? [`the host took ${Math.round(autoconfigurationMs)} ms to configure itself`]
      : []),
    ...(kept ? [] : ['the session was not kept']),
  ];
}

/** Which provider a source of figure 7 belongs to. */
export const providerOf = (source: string): string | null =>
  source.startsWith('2001:db8:a:') ? 'ispA' : source.startsWith('2001:db8:b:') ? 'ispB' : null;

/** Addresses and prefixes per node, computed from the draft's parameters. */
export function figure7Nodes(): NodeReport[] {
  const [h, k] = ['fcf9::1:2f00:0:0:7777', 'fcf9::1:2f00:0:0:8888'];
  const delegated = (local: string): string[] =>
    [PREFIX_A, PREFIX_B].map((p) => formatPrefix(delegate(parsePrefix(p), parseAddress(local))));
  return [
    { name: 'gwA', addresses: ['fcf9::1:2f00:0:0:5555'], prefixes: [PREFIX_A] },
    { name: 'gwB', addresses: ['fcf9::1:2f00:0:0:6666'], prefixes: [PREFIX_B] },
    { name: 'host', addresses: [h, k], prefixes: [...delegated(h), ...delegated(k)] },
  ];
}

async function inSite<T>(
  classic: boolean,
  options: DemonstrationOptions,
  use: (site: Site, watch: Watch) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  const site = await Site.start(figure7(classic));
  const stop = (): void => void site.stop();
  options.signal.addEventListener('abort', stop);
  try {
    const watch = new Watch(site, PROVIDERS, ['far', 'eth0']);
    if (classic) await carriersUp(watch);
    return await use(site, watch);
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', stop);
    await site.stop();
  }
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
    const expected = seen.leftBy.join() === by && seen.arrived === arrives && (seen.rttMs !== null) === arrives; // prettier-ignore
    passages.push({ name: short, ...seen, expected });
  }
  return { name, title, passages };
}
