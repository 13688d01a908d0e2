import { classify, VNET_HEADER } from '../../../src/lab/emulator/packet.js';
import { hostAddress, PATHS } from '../../../src/lab/paths.js';
import { buildIpv6 } from '../../../src/wire/ipv6.js';
import { concatBytes } from '../../../src/wire/bytes.js';
import { must, type Target } from '../harness/target.js';

export const target: Target = {
  name: 'lab-frame',
  about: 'frames that the lab’s path emulator reads from its TUN',
  code: ['src/lab/emulator/packet'],
  maxLength: 256,
  seeds() {
    const packet = buildIpv6({
      source: hostAddress('A', 1),
      destination: hostAddress('B', 3),
      nextHeader: 17,
      payload: new Uint8Array(100),
    });
    const gso = Uint8Array.of(0, 1, 60, 0, 40, 0, 0, 0, 0, 0);
    return [concatBytes(new Uint8Array(VNET_HEADER), packet), concatBytes(gso, packet)];
  },
  run(frame) {
    const { path, segments, bytes } = classify(frame, frame.length);
    must(path === undefined || PATHS[path] !== undefined, `path ${path} is one of the lab`);
    must(Number.isInteger(segments) && segments >= 1, `${segments} segments`);
    must(Number.isInteger(bytes) && bytes >= 0, `${bytes} octets`);
  },
};
