import { describe, expect, it } from 'vitest';
import type { HostEvent } from '../../src/lab/event-watch.js';
import { measureRecovery } from '../../src/lab/measure.js';

const event = (host: 'A' | 'B', at: number, name: string): HostEvent => ({
  host,
  at,
  name,
  tag: null,
  detail: {},
});

describe('measureRecovery', () => {
  it('takes the first host to notice and the last to recover, whatever order the news comes in', () => {
    const events = [
      event('B', 4_060, 'operational'),
      event('A', 4_000, 'failure-suspected'),
      event('B', 4_020, 'failure-suspected'),
      event('A', 4_040, 'operational'),
    ];
    expect(measureRecovery(events, 1_000)).toEqual({ detectedAt: 4_000, recoveredAt: 4_060 });
  });
  it('ignores what was before the cut', () => {
    const events = [event('A', 500, 'failure-suspected'), event('A', 600, 'operational')];
    expect(measureRecovery(events, 1_000)).toEqual({
      detectedAt: undefined,
      recoveredAt: undefined,
    });
  });
  it('is not over while one host still explores, nor when one begins anew', () => {
    const events = [
      event('A', 2_000, 'failure-suspected'),
      event('B', 2_010, 'failure-suspected'),
      event('A', 2_100, 'operational'),
    ];
    expect(measureRecovery(events, 1_000).recoveredAt).toBeUndefined();
    events.push(event('B', 2_200, 'operational'));
    expect(measureRecovery(events, 1_000).recoveredAt).toBe(2_200);
    events.push(event('B', 5_000, 'failure-suspected'));
    expect(measureRecovery(events, 1_000)).toEqual({ detectedAt: 2_000, recoveredAt: undefined });
  });
});
