import { describe, expect, it } from 'vitest';
import { nameOf, parseConfig } from '../../src/daemon/config.js';
import { daemonConfig } from '../../src/lab/config.js';
import { hostAddress } from '../../src/lab/paths.js';

describe("the configuration of a lab host's daemon", () => {
  it('is one that the daemon reads as it is meant', () => {
    const text = daemonConfig(
      {
        profile: 'paper',
        timers: { send_timeout: '1s', initial_probes: 2 },
        trigger: { packets: 7, outbound_only: false },
      },
      '/run/rehome-lab/x/A.sock',
    );
    const config = parseConfig(text, 'A.toml');
    expect(config.engine.reap).toMatchObject({ sendTimeout: 1_000, initialProbes: 2 });
    expect(config.engine.trigger).toMatchObject({ packets: 7, outboundOnly: false });
    expect(config.interfaces).toEqual(['up1', 'up2', 'up3']);
    expect(config.control.socket).toBe('/run/rehome-lab/x/A.sock');
    expect(nameOf(config, hostAddress('B', 2))).toBe('b2');
  });
  it('overrides nothing by default', () => {
    const config = parseConfig(daemonConfig({ profile: 'rfc' }, '/run/a.sock'), 'A.toml');
    expect(config.engine.profile).toBe('rfc');
    expect(config.engine.reap.sendTimeout).toBe(15_000);
    expect(config.engine.trigger.packets).toBe(50);
  });
});
