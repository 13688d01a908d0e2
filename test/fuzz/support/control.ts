import { parseConfig } from '../../../src/daemon/config.js';
import { EngineControlSource } from '../../../src/daemon/control-source.js';
import { EventLog } from '../../../src/daemon/event-log.js';
import { ms } from '../../../src/wire/units.js';
import { Wire } from '../../support/engines.js';

const CONFIG = parseConfig(
  'security = "none"\n[names]\n"2001:db8:a1::/48" = "a1"\n"2001:db8:b1::/48" = "b1"\n',
  'fuzz.toml',
);

/** What a daemon answers control requests from: two real sessions, one of them re-homed, and a peer that says no. */
export function controlSource(): EngineControlSource {
  const wire = new Wire();
  const a = wire.add('A', ['2001:db8:a1::1', '2001:db8:a2::1']);
  const b = wire.add('B', ['2001:db8:b1::1', '2001:db8:b2::1']);
  wire.establish(a, b);
  wire.establish(a, b, 1, 1);
  const { engine } = a;
  const events = new EventLog();
  for (const event of a.events) events.add(event, new Date(1e12 + event.at).toISOString());
  return new EngineControlSource(
    {
      engine,
      now: () => ms(wire.now),
      driver: {
        establish: (ulids, instance) => wire.run(a, engine.establish(ulids, wire.now, instance)),
        explore: (peer) => wire.run(a, engine.explore(peer, wire.now)),
        forget: (tag) => wire.run(a, engine.forget(tag, wire.now)),
        counters: () => ({}),
      },
      dataPath: () => ({ name: 'memory', counters: {} }),
      config: () => CONFIG,
      identity: () => undefined,
      exit: () => undefined,
      sam: () => undefined,
      addresses: () => [],
      reload: () => ({ done: 'reloaded', changed: [], warnings: [], contexts: 0 }),
      version: '0',
      startedAt: 0,
    },
    events,
  );
}
