import type { Target } from '../harness/target.js';

interface Entry {
  readonly name: string;
  /** How much of the time it gets beside the others. */
  readonly share: number;
  readonly load: () => Promise<{ readonly target: Target }>;
}

/** Everything that is fuzzed. */
export const TARGETS: readonly Entry[] = [
  { name: 'ipv6', share: 1, load: () => import('./ipv6.js') },
  { name: 'icmpv6', share: 1, load: () => import('./icmpv6.js') },
  { name: 'nd', share: 1, load: () => import('./nd.js') },
  { name: 'shim6', share: 2, load: () => import('./shim6.js') },
  { name: 'transport', share: 0.5, load: () => import('./transport.js') },
  { name: 'capture', share: 1, load: () => import('./capture.js') },
  { name: 'address', share: 0.5, load: () => import('./address.js') },
  { name: 'decode-input', share: 1, load: () => import('./decode-input.js') },
  { name: 'cga-parameters', share: 1, load: () => import('./cga-parameters.js') },
  { name: 'rsa-key', share: 1, load: () => import('./rsa-key.js') },
  { name: 'hba-verifier', share: 2, load: () => import('./hba-verifier.js') },
  { name: 'netlink', share: 1, load: () => import('./netlink.js') },
  { name: 'socket-table', share: 0.5, load: () => import('./socket-table.js') },
  { name: 'bpf-object', share: 0.5, load: () => import('./bpf-object.js') },
  { name: 'config', share: 1, load: () => import('./config.js') },
  { name: 'identity-record', share: 0.5, load: () => import('./identity-record.js') },
  { name: 'control-request', share: 1, load: () => import('./control-request.js') },
  { name: 'control-http', share: 1, load: () => import('./control-http.js') },
  { name: 'command-line', share: 0.5, load: () => import('./command-line.js') },
  { name: 'data-path', share: 1, load: () => import('./data-path.js') },
  { name: 'lab-frame', share: 0.25, load: () => import('./lab-frame.js') },
  { name: 'engine', share: 10, load: () => import('./engine.js') },
  { name: 'engine-proofs', share: 10, load: () => import('./engine-proofs.js') },
];

/** @throws Error for a name that is not of `TARGETS` */
export async function targetByName(name: string): Promise<Target> {
  const entry = TARGETS.find((t) => t.name === name);
  if (entry === undefined) throw new Error(`no target ${name}`);
  return (await entry.load()).target;
}
