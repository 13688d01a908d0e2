import { readFileSync, rmSync } from 'node:fs';
import { monotonicMs } from '../../linux/clock.js';
import { addressAt } from '../../sim/packets.js';
import type { SentPacket } from '../../sim/trace/recorder.js';
import type { Address } from '../../wire/address.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import { readPcapng } from '../../wire/pcapng.js';
import { decodeControl, isPayloadHeader } from '../../wire/shim6/index.js';
import { ms } from '../../wire/units.js';
import { EmulatedPath, type PathParameters } from '../emulator/path.js';
import { otherHost, pathOf, type OneWayPath } from '../paths.js';
import type { LabBed } from './bed.js';

/** Whether a one-way path lets packets through, and how, at a time (monotonic milliseconds). */
export type PathAt = (path: OneWayPath, at: number) => PathParameters;

/** A recording of everything that enters the lab's router. */
export class Trace {
  readonly #bed: LabBed;
  readonly #file: string;

  private constructor(bed: LabBed, file: string) {
    this.#bed = bed;
    this.#file = file;
  }

  static async begin(bed: LabBed): Promise<Trace> {
    const trace = new Trace(bed, `${bed.lab.entry.directory}/trial.pcapng`);
    await bed.lab.emulator.capture(trace.#file);
    return trace;
  }

  /**
   * Ends the recording. The packets in order, as the simulator's recorder has them. When each left the router again is
   * worked out with the emulator's own arithmetic, which holds for paths without random loss.
   */
  async end(pathAt: PathAt): Promise<SentPacket[]> {
    await this.#bed.lab.emulator.capture(null);
    const octets = readFileSync(this.#file);
    rmSync(this.#file);
    return readTrace(octets, Date.now() - monotonicMs(), pathAt);
  }
}

/** @param offset from monotonic milliseconds to the capture's */
export function readTrace(octets: Uint8Array, offset: number, pathAt: PathAt): SentPacket[] {
  const machines = new Map<OneWayPath, EmulatedPath>();
  const packets: SentPacket[] = [];
  for (const item of readPcapng(octets)) {
    if (item.kind !== 'packet' || item.timestamp === undefined) continue;
    const packet = item.frame;
    if (packet.length < IPV6_HEADER) continue;
    const [source, destination] = [addressAt(packet, 8), addressAt(packet, 24)];
    const path = pathOf(source, destination);
    if (path === undefined) continue;
    const at = Number(item.timestamp / 1_000n) / 1_000 - offset;
    const machine = machines.get(path) ?? new EmulatedPath(() => 1);
    machines.set(path, machine);
    machine.parameters = pathAt(path, at);
    const [due] = machine.accept(item.originalLength, 1, at);
    packets.push(sentPacket(packet, { at, source, destination, path, due, machine }));
  }
  return packets;
}

function sentPacket(
  packet: Uint8Array,
  {
    at,
    source,
    destination,
    path,
    due,
    machine,
  }: {
    readonly at: number;
    readonly source: Address;
    readonly destination: Address;
    readonly path: OneWayPath;
    readonly due: number | undefined;
    readonly machine: EmulatedPath;
  },
): SentPacket {
  const shim = packet[6] === PROTOCOL.shim6;
  const shimmed = shim && isPayloadHeader(packet, IPV6_HEADER);
  const decoded = shim && !shimmed ? decodeControl(packet.subarray(IPV6_HEADER)) : undefined;
  return {
    kind: 'packet',
    at: ms(at),
    packet,
    source,
    destination,
    from: path.from,
    to: otherHost(path.from),
    control: decoded?.ok === true ? decoded.message : undefined,
    shimmed,
    fate: due !== undefined ? 'arrived' : machine.parameters.stopped ? 'cut' : 'overflow',
    arrivedAt: due === undefined ? undefined : ms(due),
  };
}
