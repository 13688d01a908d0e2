import { ioctl, O_NONBLOCK, O_RDWR, open, close } from '../linux/syscalls.js';

/** The device between the router's kernel and the emulator. */
export const ROUTER_TUN = 'emu';

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Unfinished checksums and TCP trains over IPv6 may be handed over as they are: they go back as they came. */
const OFFLOADS = 0x01 /* CSUM */ | 0x04 /* TSO6 */ | 0x08; /* TSO_ECN */

/** Makes the TUN in the calling thread's namespace. @returns its descriptor: closing it removes the device. */
export function openRouterTun(): number {
  const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK);
  try {
    const request = Buffer.alloc(40); // struct ifreq
    request.write(ROUTER_TUN);
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, 16);
    ioctl(fd, TUNSETIFF, request);
    ioctl(fd, TUNSETOFFLOAD, OFFLOADS);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}
