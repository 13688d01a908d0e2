import type { Address } from '../../../../src/wire/address.js';
import { findOption } from '../../../../src/wire/shim6/index.js';
import { must } from '../../harness/target.js';
import { mustEqual } from '../equal.js';
import { read } from './checks.js';
import type { FuzzHost } from './host.js';
import type { World } from './world.js';

/** What a stranger's packet may do, and what not. */

const evictions = (host: FuzzHost): number => host.engine.counters()['contexts-evicted'] ?? 0;

/** An I2 or I2bis of somebody who never got the R1 or R1bis that its address would have been sent. */
function isUnanswered(packet: Uint8Array): boolean {
  const message = read(packet)?.message;
  if (message?.message !== 'i2' && message?.message !== 'i2bis') return false;
  return findOption(message, 'responderValidator')?.validator.every((x) => x === 0) === true;
}

/**
 * Lets a stranger's packet arrive: no context that was there changes by it. Without proofs a stranger may claim
 * anything in an I2 that it has answered from its own address; that is what `security = "none"` means (SECURITY.md).
 */
export function strangerArrives(world: World, host: FuzzHost, packet: Uint8Array): void {
  const message = read(packet)?.message.message;
  const claimed =
    world.people.identities === undefined && (message === 'i2' || message === 'i2bis');
  const evicted = evictions(host);
  const before = new Map(host.views.map((v) => [v.id, v]));
  const withX = (peer: Address): boolean => world.people.addresses.X.includes(peer);
  if (packet[6] === 58) {
    host.now = world.now;
    world.carry(
      host,
      host.call('icmp', () => host.engine.icmp(packet, world.now)),
    );
  } else world.arrive(packet, 'stranger');
  if (isUnanswered(packet)) {
    must(
      host.views.every((v) => before.has(v.id)),
      `an ${message} without a validator of ours makes a context`,
    );
  }
  // What nobody has used yet makes room for who comes (docs/threats.md).
  if (claimed || evictions(host) > evicted) return;
  for (const [id, old] of before) {
    if (withX(old.ulids.peer)) continue; // its own context
    const now = host.views.find((v) => v.id === id);
    must(
      now !== undefined,
      () => `a stranger's ${message} ends the context with ${old.ulids.peer}`,
    );
    mustEqual(now, old, `a context after a stranger's ${message}`);
  }
}
