import { AF_INET6, close, ioctl, SOCK_DGRAM, socket } from '../syscalls.js';
import { addressOf, Struct } from './memory.js';

const SIOCETHTOOL = 0x8946;
const GSSET_INFO = 0x37;
const GSTRINGS = 0x1b;
const SFEATURES = 0x3b;
const SS_FEATURES = 4;
const NAME_LENGTH = 32;

function ethtool(fd: number, device: string, command: Uint8Array): void {
  const request = new Struct(40).text(0, device, 16).u64(16, addressOf(command)); // struct ifreq
  ioctl(fd, SIOCETHTOOL, request.bytes);
}

/** Names of the feature bits of a device, in bit order. */
function featureNames(fd: number, device: string): string[] {
  const info = new Struct(24).u32(0, GSSET_INFO).u64(8, 1 << SS_FEATURES);
  ethtool(fd, device, info.bytes);
  const count = info.getU32(16);
  const strings = new Struct(12 + count * NAME_LENGTH)
    .u32(0, GSTRINGS)
    .u32(4, SS_FEATURES)
    .u32(8, count);
  ethtool(fd, device, strings.bytes);
  return Array.from({ length: count }, (_, i) => {
    const at = 12 + i * NAME_LENGTH;
    const text = new TextDecoder().decode(strings.bytes.subarray(at, at + NAME_LENGTH));
    return text.replace(/\0.*$/s, '');
  });
}

/**
 * Turns offload features of a device of the current namespace off, by their ethtool names; unknown names are ignored.
 * @throws SyscallError
 */
export function disableFeatures(device: string, unwanted: (name: string) => boolean): void {
  const fd = socket(AF_INET6, SOCK_DGRAM, 0);
  try {
    const names = featureNames(fd, device);
    const blocks = Math.ceil(names.length / 32);
    const command = new Struct(8 + blocks * 8).u32(0, SFEATURES).u32(4, blocks);
    const masks = new Uint32Array(blocks);
    names.forEach((name, bit) => {
      if (unwanted(name)) masks[bit >> 5] = ((masks[bit >> 5] ?? 0) | (1 << (bit & 31))) >>> 0;
    });
    // struct ethtool_set_features_block { valid, requested }: requested stays 0.
    masks.forEach((mask, block) => command.u32(8 + block * 8, mask));
    ethtool(fd, device, command.bytes);
  } finally {
    close(fd);
  }
}
