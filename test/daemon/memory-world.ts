import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlClient } from '../../src/control/client.js';
import { systemClock } from '../../src/daemon/clock.js';
import { loadConfig } from '../../src/daemon/config.js';
import { Daemon } from '../../src/daemon/daemon.js';
import type { ExitConfig } from '../../src/daemon/exit/config.js';
import type { HostAddress } from '../../src/daemon/locators.js';
import { takeLock } from '../../src/daemon/lock.js';
import { createLog } from '../../src/daemon/log.js';
import { systemRandom } from '../../src/daemon/random.js';
import type { World } from '../../src/daemon/world.js';
import { MemoryDataPath } from '../../src/dataplane/memory.js';
import { addressFromBytes, type Address } from '../../src/wire/address.js';
import { hostAddress, MemoryAddresses } from '../support/addresses.js';

/**
 * Two hosts in one process: real daemons on real sockets with the system's clock; only packets go through memory, over
 * a wire that loses what `cut` names.
 */
export class MemoryWire {
  readonly hosts = new Map<Address, MemoryDataPath>();
  /** `source destination` of packets that are lost. */
  readonly cut = new Set<string>();

  carry(packet: Uint8Array): void {
    const source = addressFromBytes(packet, 8);
    const destination = addressFromBytes(packet, 24);
    if (this.cut.has(`${source} ${destination}`)) return;
    const copy = packet.slice();
    setImmediate(() => this.hosts.get(destination)?.fromNetwork(copy));
  }
}

const quiet = { dim: String, red: String, yellow: String, green: String };

export class MemoryHost {
  readonly directory = mkdtempSync(join(tmpdir(), 'rehome-daemon-'));
  readonly socket = join(this.directory, 'control.sock');
  readonly file = join(this.directory, 'rehome.toml');
  readonly client = new ControlClient({ socket: this.socket });
  readonly lines: Record<string, unknown>[] = [];
  readonly undone: string[] = [];
  readonly control = new MemoryAddresses({
    now: () => systemClock().now(),
    onChange: () => this.#announce(this.addresses),
  });
  /** What the daemon wanted to be an exit router with. */
  exitConfig: ExitConfig | undefined;
  bound: ReadonlySet<Address> = new Set();
  dataPath: MemoryDataPath | undefined;
  daemon: Daemon | undefined;
  /** Makes the start fail at a step. */
  failAt: 'check' | 'dataPath' | undefined;
  #announce: (addresses: readonly HostAddress[]) => void = () => undefined;

  constructor(
    readonly wire: MemoryWire,
    addresses: readonly string[],
  ) {
    this.control.list = addresses.map((a, i) =>
      hostAddress(a, { ifindex: i + 1, interfaceName: `up${i + 1}` }),
    );
    this.write('');
  }

  get addresses(): HostAddress[] {
    return this.control.list;
  }

  /** Its state directory is its own; security "none" unless told otherwise. */
  write(more: string, security = 'security = "none"\nforce_insecure = true\n'): void {
    const state = `state_dir = "${join(this.directory, 'state')}"\n`;
    writeFileSync(this.file, `${state}${security}${more}\n[control]\nsocket = "${this.socket}"\n`);
  }

  async start(): Promise<Daemon> {
    const config = loadConfig(this.file);
    const log = createLog({ level: 'trace', format: 'json' }, false, quiet, (line) =>
      this.lines.push(JSON.parse(line) as Record<string, unknown>),
    );
    this.daemon = await Daemon.start({
      config,
      reread: () => loadConfig(this.file),
      world: this.#world(),
      log,
    });
    return this.daemon;
  }

  /** What address management would say. */
  setAddresses(addresses: HostAddress[]): void {
    this.control.list = addresses;
    this.#announce(addresses);
  }

  async end(): Promise<void> {
    await this.daemon?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #world(): World {
    const clock = systemClock();
    return {
      clock,
      random: systemRandom(),
      check: () => {
        if (this.failAt === 'check') throw new Error('no capability');
      },
      lock: () => {
        const unlock = takeLock(join(this.directory, 'net.lock'));
        return () => {
          this.undone.push('lock');
          unlock();
        };
      },
      watchAddresses: (onChange) => {
        this.#announce = onChange;
        return { current: () => this.addresses, close: () => this.undone.push('watch') };
      },
      openDataPath: () => {
        if (this.failAt === 'dataPath') throw new Error('no eBPF');
        const dataPath = new MemoryDataPath({
          now: clock.now,
          toNetwork: (packet) => this.wire.carry(packet),
          toApplication: () => undefined,
        });
        this.dataPath = dataPath;
        const own = (): void => {
          const all = this.addresses.map((a) => a.address);
          dataPath.setAddresses(all);
          all.forEach((a) => this.wire.hosts.set(a, dataPath));
        };
        own();
        return {
          dataPath,
          serve: (locators) => {
            own();
            return locators;
          },
        };
      },
      controlAddresses: () => this.control,
      boundAddresses: () => this.bound,
      connectedPairs: () => [],
      openExit: (config) => {
        this.exitConfig = config;
        return undefined;
      },
      cleanUpSam: () => undefined,
      openSam: () => {
        throw new Error('no zones in memory');
      },
      groupId: () => process.getgid?.() ?? 0,
    };
  }
}
