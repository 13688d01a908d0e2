import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArrivalLog, longestGap } from '../../../src/lab/traffic/gap.js';
import { KnownStream, StreamVerifier } from '../../../src/lab/traffic/stream.js';

describe('the known stream', () => {
  it('is the same however it is cut, and another for another seed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 20 }), (sizes) => {
        const whole = new KnownStream('x').next(sizes.reduce((a, b) => a + b, 0));
        const stream = new KnownStream('x');
        expect(Buffer.concat(sizes.map((s) => stream.next(s))).equals(whole)).toBe(true);
      }),
    );
    expect(new KnownStream('x').next(32)).not.toEqual(new KnownStream('y').next(32));
  });
  it('is verified octet by octet; the first wrong one is remembered', () => {
    const good = new StreamVerifier('s');
    const source = new KnownStream('s');
    for (const size of [1, 70_000, 3]) good.accept(source.next(size));
    expect(good).toMatchObject({ received: 70_004, verified: 70_004, firstError: undefined });

    const bad = new StreamVerifier('s');
    const damaged = Buffer.from(new KnownStream('s').next(1_000));
    damaged[700] = (damaged[700] ?? 0) ^ 1;
    bad.accept(damaged.subarray(0, 500));
    bad.accept(damaged.subarray(500));
    expect(bad).toMatchObject({ received: 1_000, verified: 700, firstError: 700 });
  });
  it('does not accept octets out of order', () => {
    const bytes = new KnownStream('s').next(64);
    const verifier = new StreamVerifier('s');
    verifier.accept(bytes.subarray(32));
    verifier.accept(bytes.subarray(0, 32));
    expect(verifier.verified).toBeLessThan(4);
  });
});

describe('ArrivalLog', () => {
  it('tells gaps and samples', () => {
    const log = new ArrivalLog(20);
    expect(log.arrived(100, 1_000)).toBeUndefined();
    expect(log.arrived(100, 1_010)).toBeUndefined();
    expect(log.sample(1_050)).toEqual({ at: 1_050, bytes: 200 });
    expect(log.arrived(50, 4_010)).toEqual({ from: 1_010, to: 4_010 });
    expect(log.arrived(50, 4_110)).toEqual({ from: 4_010, to: 4_110 });
    expect(longestGap(log.gaps, 2_000)).toEqual({ from: 1_010, to: 4_010 });
    expect(longestGap(log.gaps, 4_050)).toEqual({ from: 4_010, to: 4_110 });
    expect(longestGap(log.gaps, 5_000)).toBeUndefined();
  });
});
