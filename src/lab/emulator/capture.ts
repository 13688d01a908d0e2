import { closeSync, openSync, writeSync } from 'node:fs';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../wire/pcapng-write.js';
import { IPV6_HEADER, PROTOCOL } from '../../wire/ipv6.js';
import { VNET_HEADER } from './packet.js';

/** A pcapng file of IPv6 packets, written as they come: what is on disk after a crash is readable. */
export class PacketCapture {
  private readonly fd: number;
  private readonly epochUs = Date.now() * 1e3 - Number(process.hrtime.bigint()) / 1e3;

  /** Creates or empties `file`. @throws the file system's error. */
  constructor(file: string) {
    this.fd = openSync(file, 'w', 0o644);
    writeSync(this.fd, pcapngSection('rehome lab'));
    writeSync(this.fd, pcapngInterface({ name: 'router', resolution: 'us' }));
  }

  /**
   * `frame` is a TUN frame with its virtio header; `now` is monotonic milliseconds. Shim6 control packets are kept
   * whole, of all others the headers: a capture of a bulk transfer stays small.
   */
  record(frame: Uint8Array, now: number, comment: string): void {
    const timestamp = BigInt(Math.round(this.epochUs + now * 1e3));
    const packet = frame.subarray(VNET_HEADER);
    const kept = Uint8Array.from(packet.subarray(0, isControl(packet) ? packet.length : HEADERS));
    writeSync(
      this.fd,
      pcapngPacket({ timestamp, frame: kept, originalLength: packet.length, comment }),
    );
  }

  close(): void {
    closeSync(this.fd);
  }
}

const HEADERS = 128;

/** Protocol 140 right behind the IPv6 header and P = 0 (RFC 5533 §5.3). */
const isControl = (packet: Uint8Array): boolean =>
  packet[6] === PROTOCOL.shim6 && ((packet[IPV6_HEADER + 2] ?? 0) & 0x80) === 0;
