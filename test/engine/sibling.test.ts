import { describe, expect, it } from 'vitest';
import { makeTraffic } from '../../src/sim/traffic/index.js';
import type { SimHost } from '../../src/sim/host.js';
import { simConfig, World } from '../../src/sim/world.js';
import { parseAddress, type Address } from '../../src/wire/address.js';

interface Move {
  readonly host: string;
  readonly why: string;
  /** After the cut, in milliseconds. */
  readonly after: number;
}

/**
 * One flow from each of `count` addresses of A, all behind one exit, to the one address of B. At B they are as many peers,
 * so that there nobody follows anybody. A neighbour in the same site goes on. The exit dies: `inwards`, for what comes from outside, and B still hears A.
 */
function cutExit(count: number, inwards: boolean): { moves: Move[]; pairs: number; left: number } {
  const world = new World({ seed: 'siblings', paths: { delay: 10 } });
  const config = { ...simConfig('fast'), security: 'none' as const };
  const first = Array.from({ length: count }, (_, i) => parseAddress(`2001:db8:a1:1::${i + 1}`));
  const second = Array.from({ length: count }, (_, i) => parseAddress(`2001:db8:a2:1::${i + 1}`));
  const neighbour = parseAddress('2001:db8:a1:2::1');
  const a = world.addHost('A', [...first, ...second], config);
  const b = world.addHost('B', 1, config);
  const [peer] = b.locators;
  if (!peer) throw new Error('B has no locator');
  let port = 1_000;
  const flow = (from: SimHost, source: Address, interval: number): void => {
    from.driver?.establish({ local: source, peer });
    const ends = { from, to: b, source, destination: peer, port: port++ };
    const random = world.random.fork(`flow ${port}`);
    const model = { model: 'cbr', interval, size: 64 } as const;
    makeTraffic(model, { clock: world.clock, random, ...ends }).start();
  };
  for (const local of first) flow(a, local, 200);
  flow(world.addHost('C', [neighbour], config), neighbour, 50);
  world.clock.run(12_000);
  const cutAt = world.clock.now();
  const moves: Move[] = [];
  world.tapEvents((host, { name, detail }) => {
    if (name !== 'path-changed') return;
    const why = String(detail?.['why'] ?? 'probed');
    moves.push({ host: host.name, why, after: world.clock.now() - cutAt });
  });
  for (const local of first) {
    if (!inwards) world.network.configure(local, peer, { up: false });
    world.network.configure(peer, local, { up: false });
  }
  world.clock.run(3_000);
  const pairs = [a, b].flatMap((host) => host.engine?.contexts().map(({ pair }) => pair) ?? []);
  const dead = new Set(first);
  const left = pairs.filter(
    ({ local, peer: to }) => (!inwards && dead.has(local)) || dead.has(to),
  ).length;
  return { moves, pairs: pairs.length, left };
}

describe('a context that is moved with its sibling does not leave its peer behind, who hears it well', () => {
  it('two of them: each peer asks, and looks for itself', () => {
    const { moves, pairs, left } = cutExit(2, false);
    expect(moves.map(({ host, why }) => `${host} ${why}`)).toContain('A sibling');
    expect(pairs).toBe(5);
    expect(left).toBe(0);
  });

  it('many: three that hear nothing of us are enough to leave their site', () => {
    const { moves, pairs, left } = cutExit(8, true);
    expect(pairs).toBe(17);
    expect(left).toBe(0);
    expect(moves.map(({ host, why }) => `${host} ${why}`)).toContain('B site');
    const last = Math.max(...moves.map(({ after }) => after));
    expect(last).toBeLessThan(1_200);
  });
});
