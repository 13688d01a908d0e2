import { concatBytes } from '../../wire/bytes.js';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../wire/pcapng-write.js';
import type { TraceEntry } from './recorder.js';

/** Virtual time 0 as an absolute time, so that tools show a date: 31 August 2007, the day of seed 001, 00:00 UTC. */
const EPOCH = 1_188_518_400_000_000_000n;

const FATES: Readonly<Record<string, string>> = {
  lost: 'lost on the path',
  cut: 'lost: this path is cut',
  overflow: 'lost: the queue is full',
  filtered: 'dropped by the ingress filter of the provider',
  'no-route': 'lost: nobody has this destination',
};

/**
 * A capture of a recorded run that Wireshark opens: one interface per host, each packet as its sender sent it and, if
 * it arrived, as the receiver got it. Time stamps are virtual; what became of a lost packet is in its comment.
 */
export function toPcapng(entries: readonly TraceEntry[]): Uint8Array {
  const packets = entries.filter((entry) => entry.kind === 'packet');
  const hosts = [...new Set(packets.flatMap(({ from, to }) => [from ?? [], to ?? []].flat()))];
  const interfaceOf = (host: string | undefined): number =>
    Math.max(0, host === undefined ? 0 : hosts.indexOf(host));
  const records = packets.flatMap(({ at, arrivedAt, packet, from, to, fate }) => {
    const comment = FATES[fate];
    const sent = {
      at,
      record: { frame: packet, interfaceId: interfaceOf(from), ...(comment && { comment }) },
    };
    if (arrivedAt === undefined) return [sent];
    return [sent, { at: arrivedAt, record: { frame: packet, interfaceId: interfaceOf(to) } }];
  });
  records.sort((a, b) => a.at - b.at);
  return concatBytes(
    pcapngSection('rehome sim replay'),
    ...hosts.map((name) => pcapngInterface({ name })),
    ...records.map(({ at, record }) => pcapngPacket({ ...record, timestamp: stamp(at) })),
  );
}

const stamp = (at: number): bigint => EPOCH + BigInt(Math.round(at * 1e6));
