import { describe, expect, it } from 'vitest';
import { simConfig } from '../../src/sim/world.js';
import { FastWorld, isPing } from './fast-world.js';

const WARM_UP = 8_000;

describe('an exit that dies under contexts with four sites', () => {
  it('is condemned within 500 ms: all move together, peers are told and follow', () => {
    const w = new FastWorld({ seed: 'exit' });
    w.pass(WARM_UP);
    expect(w.spread()).toEqual([4, 0]);
    const cutAt = w.now;
    w.cutExit(0);
    w.pass(500);
    expect(w.count('exits-dead')).toBe(1);
    expect(w.spread()).toEqual([0, 4]);
    expect(w.spread(w.peers)).toEqual([0, 4]);
    // By the verdict, all in the same millisecond; peers that noticed by themselves have probed meanwhile.
    const moves = w.events.filter(
      ({ host, event }) => host === 'H' && event.name === 'path-changed' && event.at >= cutAt,
    );
    expect(moves.map(({ event }) => event.detail?.['why'])).toEqual(
      Array.from({ length: 4 }, () => 'locator-gone'),
    );
    expect(new Set(moves.map(({ event }) => event.at)).size).toBe(1);
    for (const peer of w.peers) {
      const told = peer.engine?.contexts()[0]?.peerLocators;
      expect(told?.map((l) => l.broken)).toEqual([true, false]);
    }
    // And there they stay.
    w.pass(20_000);
    expect(w.spread()).toEqual([0, 4]);
  });

  it('is asked about further, and told as working once it is repaired', () => {
    const w = new FastWorld({ seed: 'repair' });
    w.pass(WARM_UP);
    w.cutExit(0);
    w.pass(5_000);
    const isUp = (): boolean | undefined => w.host.engine?.localLocators()[0]?.operational;
    expect(isUp()).toBe(false);
    w.cutExit(0, true);
    w.pass(10_000);
    expect(isUp()).toBe(true);
    for (const peer of w.peers) {
      const told = peer.engine?.contexts()[0]?.peerLocators;
      expect(told?.map((l) => l.broken)).toEqual([false, false]);
    }
    // It is a refuge again: now the other one dies.
    w.cutExit(1);
    w.pass(500);
    expect(w.spread()).toEqual([4, 0]);
  });

  it('is blamed where both ends are heard over it no more, not where one peer is dead', () => {
    const w = new FastWorld({ seed: 'peer' });
    w.pass(WARM_UP);
    for (const there of w.peers[0]?.locators ?? []) {
      for (const here of w.host.locators) {
        w.world.network.configure(here, there, { up: false });
        w.world.network.configure(there, here, { up: false });
      }
    }
    w.pass(30_000);
    expect(w.count('suspicions')).toBeGreaterThan(0);
    expect(w.count('exits-dead')).toBe(0);
    expect(w.count('sites-left')).toBe(0);
    expect(w.spread(w.peers.slice(1))).toEqual([3, 0]);
    expect(w.host.engine?.localLocators().every((l) => l.operational)).toBe(true);
    expect(w.named('path-changed', WARM_UP)).toEqual([]);
  });
});

describe('strategies', () => {
  it('`rfc` and `paper` never ping', () => {
    for (const profile of ['rfc', 'paper'] as const) {
      const w = new FastWorld({ seed: profile, config: simConfig(profile) });
      let pings = 0;
      w.world.network.tap((packet) => void (pings += isPing(packet) ? 1 : 0));
      w.pass(WARM_UP);
      w.cutExit(0);
      w.pass(60_000);
      expect(pings).toBe(0);
      expect(w.spread()).toEqual([0, 4]);
      expect(w.count('sent-probe')).toBeGreaterThan(0);
    }
  });
});
