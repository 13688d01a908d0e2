import type { PhaseReport } from '../../sim/sam/report.js';
import { parseAddress } from '../../wire/address.js';
import { formatPrefix, prefixContains, type Prefix } from '../../wire/prefix.js';
import { RehomeError } from '../../wire/errors.js';
import type { HostDaemon } from '../host-daemon.js';
import type { SiteCapture } from './capture.js';
import type { SitePlan } from './plan.js';
import { until } from './session.js';
import { Site } from './site.js';
import { Watch, type WatchPlaces } from './watch.js';

export interface DemonstrationOptions {
  readonly seed: string;
  /** How hosts prove their locators. Figure 1 goes down to prefixes that are too long for proofs. */
  readonly identity: 'none' | 'hba';
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** A line for people, when something begins. */
  readonly onStep: (text: string) => void;
  readonly onPhase: (phase: PhaseReport) => void;
  readonly capture?: SiteCapture | undefined;
}

/** What hosts of the lab are told. `none`: their addresses are too long to be proven (docs/sam.md). */
export const hostConfiguration = (identity: 'none' | 'hba'): string =>
  (identity === 'none' ? 'security = "none"\nforce_insecure = true\n' : 'identity = "hba"\n') +
  'profile = "paper"\n[trigger]\npackets = 10\nseconds = "off"\n';

const READY_WITHIN = 30_000;

function refuseInterrupted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new RehomeError('REHOME_E_INTERRUPTED', 'interrupted; everything is taken down');
}

/** Builds a plan, uses it, and takes it down, whatever happens. @throws what `use` throws; REHOME_E_INTERRUPTED */
export async function inSite<T>(
  plan: SitePlan,
  places: WatchPlaces,
  { signal, capture }: Pick<DemonstrationOptions, 'signal' | 'capture'>,
  use: (site: Site, watch: Watch) => Promise<T>,
): Promise<T> {
  refuseInterrupted(signal);
  const site = await Site.start(plan);
  const stop = (): void => void site.stop();
  signal.addEventListener('abort', stop);
  try {
    return await use(site, new Watch(site, places, capture));
  } catch (error) {
    refuseInterrupted(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await site.stop();
  }
}

/** Waits until a gateway has its local address and advertises. @throws RehomeError REHOME_E_LAB_DAEMON */
export async function advertises(daemon: HostDaemon): Promise<void> {
  const ready = async (): Promise<true | undefined> => {
    const { zones } = await daemon.client.sam();
    const ours = zones.filter((z) => z.role === 'gateway').flatMap((z) => z.links);
    return ours.some((l) => l.advertising) ? true : undefined;
  };
  await until(ready, READY_WITHIN, `${daemon.host} does not advertise`, daemon);
}

/** Waits until a host has so many addresses from its zones. @throws RehomeError REHOME_E_LAB_DAEMON */
export async function addressesOf(daemon: HostDaemon, count: number): Promise<readonly string[]> {
  const ready = async (): Promise<readonly string[] | undefined> => {
    const own = (await daemon.client.sam()).addresses.map((a) => a.address);
    return own.length >= count ? own : undefined;
  };
  return until(ready, READY_WITHIN, `${daemon.host} has not got its ${count} addresses`, daemon);
}

/**
 * The address that a host proves below a prefix; waits until it may be used.
 * @throws RehomeError REHOME_E_LAB_DAEMON
 */
export async function provenAddress(daemon: HostDaemon, prefix: Prefix): Promise<string> {
  const ready = async (): Promise<string | undefined> => {
    const { identities } = await daemon.client.identity();
    return identities
      .filter((i) => i.current)
      .flatMap((i) => i.addresses)
      .find((a) => a.state === 'preferred' && prefixContains(prefix, parseAddress(a.address)))
      ?.address;
  };
  const complaint = `${daemon.host} has made no address below ${formatPrefix(prefix)}`;
  return until(ready, READY_WITHIN, complaint, daemon);
}

/** What was not as it should be, one sentence each. */
export function judge(
  phases: readonly PhaseReport[],
  facts: { readonly autoconfigurationMs: number | null; readonly kept: boolean | null },
): string[] {
  const { autoconfigurationMs: took, kept } = facts;
  return [
    ...phases.flatMap((p) =>
      p.passages
        .filter((x) => !x.expected)
        .map((x) => `${p.name}: ${x.name} (${x.source}) did not go as it should`),
    ),
    ...(took !== null && took > CONFIGURED_WITHIN
      ? [`the host took ${Math.round(took)} ms to configure itself`]
      : []),
    ...(kept === false ? ['the session was not kept'] : []),
  ];
}

/** Milliseconds that a host may take for its addresses. */
const CONFIGURED_WITHIN = 5_000;
