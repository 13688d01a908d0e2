import { closeSync, openSync, writeSync } from 'node:fs';
import { PROTOCOL } from '../../wire/ipv6.js';
import { pcapngInterface, pcapngPacket, pcapngSection } from '../../wire/pcapng-write.js';

/** Octets kept of TCP segments, outer and inner headers among them: a capture of a transfer stays small. */
const KEPT_OF_TCP = 160;

/** A pcapng file of what is heard at several places of a site, an interface for each place. */
export class SiteCapture {
  private readonly fd: number;
  private readonly interfaces = new Map<string, number>();

  /** Creates or empties `file`. @throws the file system's error */
  constructor(file: string) {
    this.fd = openSync(file, 'w', 0o644);
    writeSync(this.fd, pcapngSection('rehome lab sam'));
  }

  /** @param place e.g. `ispA cust` */
  record(place: string, packet: Uint8Array): void {
    let interfaceId = this.interfaces.get(place);
    if (interfaceId === undefined) {
      interfaceId = this.interfaces.size;
      this.interfaces.set(place, interfaceId);
      writeSync(this.fd, pcapngInterface({ name: place, resolution: 'us' }));
    }
    const inner = packet[6] === PROTOCOL.ipv6 ? packet[46] : packet[6];
    const frame = inner === PROTOCOL.tcp ? packet.slice(0, KEPT_OF_TCP) : packet;
    const timestamp = BigInt(Date.now()) * 1_000n;
    writeSync(
      this.fd,
      pcapngPacket({ timestamp, frame, interfaceId, originalLength: packet.length }),
    );
  }

  close(): void {
    closeSync(this.fd);
  }
}
