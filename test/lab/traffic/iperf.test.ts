import { describe, expect, it } from 'vitest';
import { needProgram } from '../../../src/lab/programs.js';
import { gapsOf, parseInterval } from '../../../src/lab/traffic/iperf.js';

describe('iperf3', () => {
  it('is read interval by interval, the summary and the headings left out', () => {
    expect(
      parseInterval('[  5]   0.10-0.20   sec   231 KBytes  18965 Kbits/sec                  '),
    ).toEqual({ end: 200, bytes: 237_063 });
    expect(parseInterval('[  5]   8.00-8.10   sec  0.00 Bytes  0.00 Kbits/sec')).toEqual({
      end: 8_100,
      bytes: 0,
    });
    expect(
      parseInterval(
        '[  5]   0.00-1.40   sec  3.13 MBytes  18742 Kbits/sec                  receiver',
      ),
    ).toBeUndefined();
    expect(parseInterval('[ ID] Interval           Transfer     Bitrate')).toBeUndefined();
  });
  it('tells a gap as a run of empty intervals', () => {
    const samples = [5, 0, 0, 7, 0, 3].map((bytes, i) => ({ at: (i + 1) * 100, bytes }));
    expect(gapsOf(samples, 100)).toEqual([
      { from: 100, to: 300 },
      { from: 400, to: 500 },
    ]);
  });
  it('missing is named with the package that brings it', () => {
    expect(() => needProgram('no-such-program', 'some-package')).toThrow(
      'no-such-program is not installed: apt-get install some-package',
    );
  });
});
