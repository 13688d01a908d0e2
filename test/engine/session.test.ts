import { describe, expect, it } from 'vitest';
import { PAPER } from '../../src/reap/constants.js';
import { testConfig, Wire, type TestHost } from '../support/engines.js';

const A = ['2001:db8:a1::1', '2001:db8:a2::1', '2001:db8:a3::1'];
const B = ['2001:db8:b1::1', '2001:db8:b2::1', '2001:db8:b3::1'];

function session(config = testConfig()): { wire: Wire; a: TestHost; b: TestHost } {
  const wire = new Wire();
  const a = wire.add('A', A, config);
  const b = wire.add('B', B, config);
  return { wire, a, b };
}

describe('a session from beginning to end', () => {
  it('is established by I1, R1, I2, R2, with tags that match crosswise', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    expect(wire.names().slice(0, 4)).toEqual(['A:i1', 'B:r1', 'A:i2', 'B:r2']);
    const [ca, cb] = [a.context(), b.context()];
    expect(ca?.state).toBe('ESTABLISHED');
    expect(cb?.state).toBe('ESTABLISHED');
    expect(ca?.localTag).toBe(cb?.peerTag);
    expect(cb?.localTag).toBe(ca?.peerTag);
    expect(ca?.peerLocators.map((l) => l.address)).toEqual(B);
    expect(cb?.peerLocators.map((l) => l.address)).toEqual(A);
    expect(ca?.shimmed).toBe(false);
  });

  it('sends nothing once it is idle', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    wire.pass(60_000);
    const quiet = wire.crossed.length;
    wire.pass(500_000);
    expect(wire.names(quiet)).toEqual([]);
  });

  it('is torn down after ten idle minutes on both sides', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    wire.pass(700_000);
    expect(a.context()).toBeUndefined();
    expect(b.context()).toBeUndefined();
    expect(a.bindings.size + b.bindings.size).toBe(0);
  });

  it('lives on while a socket is connected, however quiet [RFC5533-9-1]', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    for (let minute = 0; minute < 60; minute++) {
      wire.pass(60_000);
      const other = { local: a.address(1), peer: b.address(1) };
      wire.run(a, a.engine.inUse([{ local: a.address(0), peer: b.address(0) }, other], wire.now));
    }
    expect(a.context()?.state).toBe('ESTABLISHED');
    expect(b.context()).toBeUndefined();
    wire.pass(700_000);
    expect(a.context()).toBeUndefined();
  });

  it('ends with its ULID when that becomes invalid [RFC5533 §1.5]', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    wire.run(a, a.engine.invalidateUlid(a.address(1), wire.now));
    expect(a.context()?.state).toBe('ESTABLISHED');
    wire.run(a, a.engine.invalidateUlid(a.address(0), wire.now));
    expect(a.context()).toBeUndefined();
    expect(a.bindings.size).toBe(0);
  });

  it('finds another pair when the current one dies in both directions', () => {
    const { wire, a, b } = session(testConfig({ reap: PAPER }));
    wire.establish(a, b);
    const dead = ({ source, destination }: { source: string; destination: string }): boolean =>
      (source === A[0] && destination === B[0]) || (source === B[0] && destination === A[0]);
    for (let i = 0; i < 20; i++) {
      wire.payload(a, b);
      wire.payload(b, a);
      wire.pass(100);
    }
    const cut = wire.now;
    wire.lose = dead;
    for (let i = 0; i < 100; i++) {
      const gone = a.context()?.pair.local === A[0] && a.context()?.pair.peer === B[0];
      wire.payload(a, b, gone);
      wire.pass(100);
      if (a.context()?.reap?.state === 'operational' && a.context()?.shimmed) break;
    }
    const ca = a.context();
    const cb = b.context();
    expect(ca?.shimmed).toBe(true);
    expect(cb?.shimmed).toBe(true);
    expect(ca?.reap?.state).toBe('operational');
    expect(cb?.reap?.state).toBe('operational');
    expect(wire.now - cut).toBeLessThan(3_000 * 1.02 + 2_500);
    // Whoever sent last without an answer notices first; the other is told.
    const detections = [ca, cb].map((c) => c?.reap?.lastRecovery?.detection ?? 0);
    expect(Math.max(...detections)).toBeGreaterThanOrEqual(3_000);
    expect([...a.bindings.values()][0]?.pair).toEqual(ca?.pair);
  });

  it('goes home when asked to explore and the first path works again, header gone', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const wire = new Wire();
      const a = wire.add('A', A, testConfig(), seed);
      const b = wire.add('B', B, testConfig(), 100 + seed);
      wire.establish(a, b);
      wire.lose = ({ source, destination }) => source === A[0] || destination === A[0];
      wire.run(a, a.engine.explore(b.address(0), wire.now));
      wire.pass(20_000);
      expect(a.context()?.shimmed).toBe(true);
      wire.lose = () => false;
      wire.run(a, a.engine.explore(b.address(0), wire.now));
      wire.pass(5_000);
      expect(a.context()?.pair).toEqual(a.context()?.ulids);
      expect(a.context()?.shimmed).toBe(false);
      expect([...a.bindings.values()][0]?.pair).toEqual(a.context()?.ulids);
    }
  });

  it('recovers a context that the peer has lost, without changing ULIDs', () => {
    const { wire, a, b } = session();
    wire.establish(a, b);
    const old = b.context()?.localTag;
    expect(old).toBeDefined();
    if (old === undefined) return;
    wire.run(b, b.engine.forget(old, wire.now));
    const before = wire.crossed.length;
    wire.run(a, a.engine.explore(b.address(0), wire.now));
    wire.pass(3_000);
    expect(wire.names(before).slice(0, 4)).toEqual(['A:probe', 'B:r1bis', 'A:i2bis', 'B:r2']);
    expect(b.context()?.state).toBe('ESTABLISHED');
    expect(a.context()?.peerTag).toBe(b.context()?.localTag);
    expect(b.context()?.localTag).not.toBe(old);
    expect(a.context()?.reap?.state).toBe('operational');
  });

  it('gives up after I1_RETRIES_MAX and leaves the peer alone for a minute', () => {
    const { wire, a, b } = session();
    wire.lose = () => true;
    wire.run(a, a.engine.establish({ local: a.address(0), peer: b.address(0) }, wire.now));
    wire.pass(400_000);
    expect(wire.names()).toEqual(['A:i1', 'A:i1', 'A:i1', 'A:i1', 'A:i1']);
    expect(a.context()).toBeUndefined();
    expect(a.engine.refusals()[0]?.state).toBe('E-FAILED');
  });
});
