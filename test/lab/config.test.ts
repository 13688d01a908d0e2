import { describe, expect, it } from 'vitest';
import { nameOf, parseConfig } from '../../src/daemon/config.js';
import { daemonConfig } from '../../src/lab/config.js';
import { hostAddress } from '../../src/lab/paths.js';

const FILES = { socket: '/run/a.sock', stateDirectory: '/run/a.state' };

describe("the configuration of a lab host's daemon", () => {
  it('is one that the daemon reads as it is meant', () => {
    const text = daemonConfig(
      {
        profile: 'paper',
        timers: { send_timeout: '1s', initial_probes: 2 },
        trigger: { packets: 7, outbound_only: false },
      },
      { socket: '/run/rehome-lab/x/A.sock', stateDirectory: '/run/rehome-lab/x/A.state' },
    );
    const config = parseConfig(text, 'A.toml');
    expect(config.engine.reap).toMatchObject({ sendTimeout: 1_000, initialProbes: 2 });
    expect(config.engine.trigger).toMatchObject({ packets: 7, outboundOnly: false });
    expect(config.interfaces).toEqual(['up1', 'up2', 'up3']);
    expect(config.control.socket).toBe('/run/rehome-lab/x/A.sock');
    expect(nameOf(config, hostAddress('B', 2))).toBe('b2');
  });
  it('overrides nothing by default', () => {
    const config = parseConfig(daemonConfig({ profile: 'rfc' }, FILES), 'A.toml');
    expect(config.engine.profile).toBe('rfc');
    expect(config.engine.reap.sendTimeout).toBe(15_000);
    expect(config.engine.trigger.packets).toBe(50);
    expect(config.engine.security).toBe('hba');
    expect(config.addresses).toMatchObject({ kind: 'hba', sec: 1, stateDirectory: '/run/a.state' });
  });
  it('takes another identity, or none', () => {
    const read = (settings: Parameters<typeof daemonConfig>[0]) =>
      parseConfig(daemonConfig(settings, FILES), 'A.toml');
    const hybrid = read({ profile: 'rfc', identity: 'hybrid', sec: 0 });
    expect(hybrid.addresses).toMatchObject({ kind: 'hybrid', sec: 0 });
    expect(read({ profile: 'rfc', identity: 'none' })).toMatchObject({
      engine: { security: 'none' },
      addresses: { forceInsecure: true },
    });
  });
});
