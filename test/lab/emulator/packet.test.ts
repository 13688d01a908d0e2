import { describe, expect, it } from 'vitest';
import { classify, VNET_HEADER } from '../../../src/lab/emulator/packet.js';
import { destinationAddress, PATHS, sourceAddress } from '../../../src/lab/paths.js';
import { parseAddress, type Address } from '../../../src/wire/address.js';
import { buildIpv6 } from '../../../src/wire/ipv6.js';

function frame(source: Address, destination: Address, payload: number, gso?: number): Uint8Array {
  const packet = buildIpv6({
    source,
    destination,
    nextHeader: 6,
    payload: new Uint8Array(payload),
  });
  const out = new Uint8Array(VNET_HEADER + packet.length);
  out.set(packet, VNET_HEADER);
  if (gso !== undefined) {
    const view = new DataView(out.buffer);
    out[1] = 4; // VIRTIO_NET_HDR_GSO_TCPV6
    view.setUint16(2, 60, true);
    view.setUint16(4, gso, true);
  }
  return out;
}
const read = (bytes: Uint8Array): ReturnType<typeof classify> => classify(bytes, bytes.length);

describe('classify', () => {
  it('knows each of the 18 paths by the prefixes alone', () => {
    for (const path of PATHS) {
      expect(read(frame(sourceAddress(path), destinationAddress(path), 60))).toEqual({
        path: path.id,
        segments: 1,
        bytes: 100,
      });
    }
    const other = parseAddress('2001:db8:a2::dead:beef');
    expect(read(frame(other, parseAddress('2001:db8:b3::1'), 0)).path).toBe(5);
  });
  it('accounts for the headers of every segment of a super-packet', () => {
    const [path] = PATHS;
    if (path === undefined) throw new Error();
    const bytes = frame(sourceAddress(path), destinationAddress(path), 20 + 2_900, 1_440);
    // 2,900 octets of data in segments of 1,440: three packets, each with 60 octets of headers.
    expect(read(bytes)).toEqual({ path: 0, segments: 3, bytes: 2_900 + 3 * 60 });
  });
  it('refuses strangers, traffic within one host, IPv4 and scraps', () => {
    const a1 = parseAddress('2001:db8:a1::10');
    expect(read(frame(a1, parseAddress('2001:db8:c1::1'), 0)).path).toBeUndefined();
    expect(read(frame(a1, parseAddress('2001:db8:a2::1'), 0)).path).toBeUndefined();
    expect(read(frame(a1, parseAddress('2001:db8:b4::1'), 0)).path).toBeUndefined();
    expect(read(frame(a1, parseAddress('2001:db8:b1:1::1'), 0)).path).toBeUndefined();
    const four = frame(a1, parseAddress('2001:db8:b1::1'), 0);
    four[VNET_HEADER] = 0x45;
    expect(read(four).path).toBeUndefined();
    expect(classify(new Uint8Array(20), 20).path).toBeUndefined();
  });
});
