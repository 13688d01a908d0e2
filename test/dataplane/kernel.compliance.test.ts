import { disableFeatures } from '../../src/linux/bpf/ethtool.js';
import { monotonicMs } from '../../src/linux/clock.js';
import { inNamespace } from '../../src/linux/netns.js';
import { FdPoller } from '../../src/linux/poller.js';
import { RawSocket } from '../../src/linux/rawsocket.js';
import {
  AF_PACKET,
  close,
  recv,
  setsockopt,
  SOCK_DGRAM,
  socket,
} from '../../src/linux/syscalls.js';
import { addressFromBytes, type Address } from '../../src/wire/address.js';
import { needsRoot } from '../support/root.js';
import {
  describeDataPath,
  PORTS,
  type ComplianceHost,
  type ComplianceWorld,
  type Received,
} from './compliance.js';
import { A, B, control, Raw, sleep, TwoHosts, Udp } from './kernel.support.js';

const [UDP, SHIM6, RAW] = [17, 140, 255];
const ETH_P_IPV6 = 0xdd86; // in network order
const MSG_DONTWAIT = 0x40;

/** What the router gets from the hosts; not what it sends. */
class Tap {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(65_536);
  constructor(namespace: string) {
    this.#fd = inNamespace(namespace, () => socket(AF_PACKET, SOCK_DGRAM, ETH_P_IPV6));
    setsockopt(this.#fd, 263, 23, 1); // PACKET_IGNORE_OUTGOING
  }
  read(): Uint8Array[] {
    const out: Uint8Array[] = [];
    for (;;) {
      const length = recv(this.#fd, this.#buffer, MSG_DONTWAIT);
      if (length < 0) return out;
      const packet = this.#buffer.slice(0, length);
      if (packet[6] === UDP || packet[6] === SHIM6) out.push(packet);
    }
  }
  close(): void {
    close(this.#fd);
  }
}

async function create(): Promise<ComplianceWorld> {
  const net = await new TwoHosts('rhD').ready();
  const poller = new FdPoller();
  const opened: { close(): void }[] = [];
  const host = (which: 'a' | 'b', locators: readonly [Address, Address]) => {
    const namespace = net[which];
    // Checksums as on a wire, not left to a device that does not exist.
    inNamespace(namespace, () => {
      for (const n of [0, 1]) disableFeatures(`${which}${n}`, (f) => f.startsWith('tx-checksum'));
    });
    const seen: Received[] = [];
    const sockets = new Map(locators.map((l) => [l, new Udp(namespace, l, PORTS[which])]));
    const raw = new RawSocket(UDP, {
      poller,
      namespace,
      onPacket: ({ packet }) => {
        const view = new DataView(packet.buffer, packet.byteOffset);
        if (view.getUint16(42) !== PORTS[which]) return;
        seen.push({
          source: addressFromBytes(packet, 8),
          destination: addressFromBytes(packet, 24),
          sourcePort: view.getUint16(40),
          destinationPort: view.getUint16(42),
          payload: packet.slice(48),
        });
      },
    });
    opened.push(raw, ...sockets.values());
    const compliant: ComplianceHost = {
      dataPath: net.open(which, { control: control(namespace, poller), poller }),
      locators,
      sendUdp: (source, _port, destination, port, payload) => {
        sockets.get(source)?.send(payload, destination, port);
        return Promise.resolve();
      },
      received: () => Promise.resolve(seen),
    };
    return { compliant, clear: () => void seen.splice(0) };
  };
  const [a, b] = [host('a', A), host('b', B)];
  const tap = new Tap(net.r);
  const router = new Raw(net.r, RAW);
  opened.push(tap, router);
  let wire: Uint8Array[] = [];
  return {
    a: a.compliant,
    b: b.compliant,
    now: monotonicMs,
    settle: () => sleep(30),
    wire: () => Promise.resolve((wire = [...wire, ...tap.read()])),
    inject: (packet) => {
      router.send(packet, addressFromBytes(packet, 24));
      return Promise.resolve();
    },
    clear: () => {
      tap.read();
      wire = [];
      a.clear();
      b.clear();
      return Promise.resolve();
    },
    close: () => {
      for (const thing of opened) thing.close();
      net.close();
      poller.close();
      return Promise.resolve();
    },
  };
}

// bpf_ktime_get_coarse_ns moves with the timer tick: 4 ms, and more where a virtual machine is late with it (6 ms seen).
const CLOCK_ERROR = 25;
describeDataPath({ name: 'kernel', skip: needsRoot(), create, clockError: CLOCK_ERROR });
