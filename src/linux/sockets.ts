import { Socket, type Server } from 'node:net';
import { addressToBytes, type Address } from '../wire/address.js';
import { sockaddrIn6 } from './msghdr.js';
import { inNamespace, type NamespaceRef } from './netns.js';
import { AF_INET6, bind, close, setsockopt, SOCK_STREAM, socket } from './syscalls.js';

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/**
 * Node's own `listen({ host })` and `connect({ host })` make their socket in a later turn of the event loop, and
 * so outside of `inNamespace`. A socket made beforehand is what stays inside; Node takes it over by descriptor.
 */
function tcpSocketIn(
  namespace: NamespaceRef,
  local: { address: Address; port: number } | undefined,
): number {
  return inNamespace(namespace, () => {
    const fd = socket(AF_INET6, SOCK_STREAM, 0);
    try {
      if (local !== undefined) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(fd, sockaddrIn6(addressToBytes(local.address), local.port));
      }
      return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
  });
}

/** Lets a `net.Server` listen inside a namespace; it emits `listening` and `error` as usual. @throws SyscallError. */
export function listenIn(
  namespace: NamespaceRef,
  server: Server,
  local: { readonly address: Address; readonly port: number },
): void {
  server.listen({ fd: tcpSocketIn(namespace, local) });
}

/** A `net.Socket` connecting from inside a namespace, bound to `local` if given. @throws SyscallError. */
export function connectIn(
  namespace: NamespaceRef,
  peer: { readonly address: Address; readonly port: number },
  local?: { readonly address: Address; readonly port: number },
): Socket {
  const out = new Socket({ fd: tcpSocketIn(namespace, local) });
  return out.connect({ host: peer.address, port: peer.port });
}
