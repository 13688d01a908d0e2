import { closeSync, openSync, writeSync } from 'node:fs';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../wire/pcapng-write.js';
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

  /** `frame` is a TUN frame with its virtio header; `now` is monotonic milliseconds. */
  record(frame: Uint8Array, now: number, comment: string): void {
    const timestamp = BigInt(Math.round(this.epochUs + now * 1e3));
    writeSync(
      this.fd,
      pcapngPacket({ timestamp, frame: Uint8Array.from(frame.subarray(VNET_HEADER)), comment }),
    );
  }

  close(): void {
    closeSync(this.fd);
  }
}
