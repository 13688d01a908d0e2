import { readFileSync, readlinkSync } from 'node:fs';
import { cleanUpExit, EXIT_DEVICE } from '../dataplane/exit/routing.js';
import { KernelDataPath, type ControlSocket } from '../dataplane/kernel/index.js';
import { MemoryDataPath } from '../dataplane/memory.js';
import { cleanUpSam } from '../dataplane/sam/device.js';
import type { LocalLocator } from '../engine/types.js';
import { AddressMonitor, type OwnAddress } from '../linux/addresses.js';
import { kernelAtLeast, kernelRelease, missingCapabilities } from '../linux/capabilities.js';
import { FdPoller } from '../linux/poller.js';
import { openShim6Socket } from '../linux/rawsocket.js';
import { Rtnetlink } from '../linux/netlink/client.js';
import { RTPROT_REHOME, RTPROT_SAM } from '../linux/netlink/constants.js';
import { boundAddresses, connectedPairs } from '../linux/socket-table.js';
import { RehomeError } from '../wire/errors.js';
import { systemClock } from './clock.js';
import { hasLocators, type DaemonConfig } from './config.js';
import type { ExitConfig } from './exit/config.js';
import type { ExitHooks, ExitRouter } from './exit/router.js';
import type { HostAddress } from './locators.js';
import type { AdvertisedPrefix } from './identity/prefixes.js';
import { LinuxExit } from './linux-exit.js';
import { LinuxAddressControl } from './linux-addresses.js';
import { takeLock } from './lock.js';
import { systemRandom } from './random.js';
import { openSam } from './sam/open.js';
import type { AddressWatch, OpenedDataPath, World } from './world.js';

/** tcx, which the kernel data path attaches with. */
const KERNEL = [6, 6] as const;

/** This machine, in the network namespace the process is in. */
export function linuxWorld(config: DaemonConfig): World {
  const poller = new FdPoller();
  return {
    clock: systemClock(),
    random: systemRandom(),
    check,
    lock: () => takeLock(lockFile()),
    watchAddresses: (onChange, onPrefix) =>
      watchAddresses(poller, shimDevices(config), onChange, onPrefix),
    controlAddresses: () => new LinuxAddressControl(poller, shimDevices(config)),
    connectedPairs,
    boundAddresses,
    openSam: (sam, hooks) => openSam(poller, sam, hooks),
    cleanUpSam: () => withNetlink(cleanUpSam),
    openDataPath: (settings, onError) => openDataPath(poller, settings, onError),
    openExit: (exit, hooks) => openExit(poller, exit, hooks),
    groupId,
  };
}

function check(): void {
  const missing = missingCapabilities();
  if (missing.length > 0)
    throw new RehomeError(
      'REHOME_E_CAPABILITY',
      `missing ${missing.join(', ')}: run as root, or as a service with these capabilities (examples/rehome.service)`,
      missing,
    );
  if (!kernelAtLeast(...KERNEL))
    throw new RehomeError(
      'REHOME_E_KERNEL',
      `Linux ${kernelRelease().text} is too old: the kernel data path needs ${KERNEL.join('.')} or later`,
    );
}

/** One daemon for each network namespace: its inode names the lock, e.g. /run/rehome/net-4026531840.lock. */
function lockFile(): string {
  const inode = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? 'unknown';
  return `/run/rehome/net-${inode}.lock`;
}

/** ULIDs that outlive their interface are there; they are no locators. */
const shimDevices = ({ dataPath: { device } }: DaemonConfig): ReadonlySet<string> =>
  new Set([device, `${device}p`, EXIT_DEVICE, `${EXIT_DEVICE}p`]);

function watchAddresses(
  poller: FdPoller,
  shim: ReadonlySet<string>,
  onChange: (addresses: readonly HostAddress[]) => void,
  onPrefix: (advertised: AdvertisedPrefix) => void,
): AddressWatch {
  const monitor = new AddressMonitor({
    poller,
    ignore: (name) => shim.has(name),
    onChange: (addresses) => onChange(hostAddresses(addresses)),
    onPrefix: ({ index, prefix, autonomous, preferredSeconds, validSeconds }, interfaceName) => {
      if (!autonomous) return;
      onPrefix({ prefix, ifindex: index, interfaceName, preferredSeconds, validSeconds });
    },
  });
  return {
    current: () => hostAddresses(monitor.addresses()),
    close: () => monitor.close(),
  };
}

/** A local address of a SAM zone means nothing outside of it: no locator, and no prefix to make addresses of. */
const isGlobalOfHost = (a: OwnAddress): boolean =>
  a.protocol !== RTPROT_SAM || a.prefixLength === 128;

/**
 * RFC 5534 §3.1, §3.2: an address is available once DAD is over, and operational while its link is up and a router
 * answers. Without a default route nothing is known against it: other routes may lead to the peers.
 */
const hostAddresses = (addresses: readonly OwnAddress[]): HostAddress[] =>
  addresses.filter(isGlobalOfHost).map((a) => ({
    address: a.address,
    ifindex: a.index,
    interfaceName: a.interface,
    prefixLength: a.prefixLength,
    dad: a.dad,
    deprecated: a.deprecated,
    operational: a.linkUp && a.router !== 'unreachable',
    preferredUntil: a.preferredUntil,
    validUntil: a.validUntil,
    ours: a.protocol === RTPROT_REHOME,
  }));

function openDataPath(
  poller: FdPoller,
  config: DaemonConfig,
  onError: (error: unknown) => void,
): OpenedDataPath {
  if (!hasLocators(config)) return idleDataPath();
  const dataPath = new KernelDataPath({
    uplinks: [],
    control: controlSocket(poller),
    device: config.dataPath.device,
    maxContexts: config.engine.maxContexts,
    deliverAllIcmp: config.engine.deliverAllIcmp,
    poller,
  });
  const refused = new Set<number>();
  const serve = (locators: readonly LocalLocator[]): readonly LocalLocator[] => {
    const wanted = new Set(locators.map((l) => l.ifindex));
    const attached = new Set(dataPath.inspect().uplinks.map((u) => u.ifindex));
    for (const ifindex of attached) if (!wanted.has(ifindex)) dataPath.detachUplink(ifindex);
    for (const ifindex of refused) if (!wanted.has(ifindex)) refused.delete(ifindex);
    for (const ifindex of wanted) {
      if (attached.has(ifindex) || refused.has(ifindex)) continue;
      try {
        dataPath.attachUplink(ifindex);
      } catch (error) {
        // One interface that cannot carry Shim6 must not keep the others from it.
        refused.add(ifindex);
        onError(error);
      }
    }
    return locators.filter((l) => !refused.has(l.ifindex));
  };
  return { dataPath, serve };
}

function openExit(
  poller: FdPoller,
  config: ExitConfig | undefined,
  hooks: ExitHooks,
): ExitRouter | undefined {
  if (config !== undefined) return new LinuxExit(poller, config, hooks);
  withNetlink((netlink) => cleanUpExit(netlink, true));
  return undefined;
}

function withNetlink(run: (netlink: Rtnetlink) => void): void {
  const netlink = new Rtnetlink();
  try {
    run(netlink);
  } finally {
    netlink.close();
  }
}

/**
 * For a router that protects no sessions of its own: no device, no program, and above all no rules, which would be looked at
 * for every packet that it forwards.
 */
const idleDataPath = (): OpenedDataPath => ({
  dataPath: new MemoryDataPath({
    now: systemClock().now,
    toNetwork: () => undefined,
    toApplication: () => undefined,
  }),
  serve: () => [],
});

function controlSocket(poller: FdPoller): ControlSocket {
  let listener: (packet: Uint8Array) => void = () => undefined;
  const socket = openShim6Socket({ poller, onPacket: ({ packet }) => listener(packet) });
  return {
    send: (packet, ifindex) => socket.send(packet, ifindex) === 0,
    onPacket: (next) => void (listener = next),
    close: () => socket.close(),
  };
}

function groupId(name: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((l) => l.split(':'))
    .find(([group]) => group === name);
  const gid = Number(line?.[2] ?? Number.NaN);
  if (!Number.isInteger(gid))
    throw new RehomeError(
      'REHOME_E_GROUP',
      `there is no group ${name}: make it (groupadd --system ${name}) or change [control] group`,
      name,
    );
  return gid;
}
