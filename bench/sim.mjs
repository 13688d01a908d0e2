#!/usr/bin/env node
// How the simulator grows: N hosts with one context each, half of them in a site with two exits, one packet a second each
// way; then one access link dies and everybody explores. Events per second and memory per host, for each N; the smallest
// N of the same run is the baseline. Needs `npm run build`.
//   node bench/sim.mjs [--hosts 1000,10000,100000] [--json]
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1000,10000,100000' },
    json: { type: 'boolean', default: false },
    one: { type: 'string' },
  },
});

if (values.one === undefined) measureAll(values.hosts.split(',').map(Number));
else await measureOne(Number(values.one));

/** Each size in a process of its own, so that none inherits another's heap. */
function measureAll(sizes) {
  let first;
  const rows = sizes.map((hosts) => {
    // As a thread of a run has it: src/sim/run/runner.ts.
    const flags = ['--expose-gc', '--max-old-space-size=16000', '--max-semi-space-size=128'];
    const script = fileURLToPath(import.meta.url);
    const out = execFileSync(process.execPath, [...flags, script, '--one', String(hosts)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const row = JSON.parse(out);
    first ??= row;
    if (!values.json) print(row, first);
    return row;
  });
  if (values.json) console.log(JSON.stringify(rows, null, 2));
}

function print(row, base) {
  const ratio = (of) => (of(row) / of(base)).toFixed(2);
  console.log(
    `${String(row.hosts).padStart(7)} hosts: ${Math.round(row.eventsPerSecond).toLocaleString('en')} events/s ` +
      `(${ratio((r) => r.eventsPerSecond)} of the first), ${(row.bytesPerHost / 1024).toFixed(1)} KiB a host ` +
      `(${ratio((r) => r.bytesPerHost)}), ${row.seconds.toFixed(1)} s of CPU for ${row.virtualSeconds.toFixed(1)} virtual seconds, ` +
      `${row.events.toLocaleString('en')} events; all ${row.flows} flows back after ${(row.allBackMs / 1000).toFixed(2)} s`,
  );
}

async function measureOne(hosts) {
  const { loadScenario } = await import('../dist/sim/scenario/load.js');
  const { storm } = await import('../dist/sim/experiments/storm.js');
  const { scenario } = loadScenario('storm');
  const flows = hosts / 2;
  const sized = {
    ...scenario,
    trials: 1,
    storm: { ...scenario.storm, flows: [flows], hosts: flows, own_peers: true },
  };
  const heap = () => {
    globalThis.gc();
    return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  };
  const empty = heap();
  let world;
  let loaded = 0;
  let pause = 0;
  const begin = process.cpuUsage();
  const [record] = storm.run(sized, storm.units(sized)[0], {
    onWorld: (w) => (world = w),
    onNote: () => {
      const before = process.cpuUsage();
      loaded = heap(); // everything stands, nothing is cut yet
      pause = process.cpuUsage(before).user / 1e6;
    },
  });
  const seconds = process.cpuUsage(begin).user / 1e6 - pause;
  if (record.flowing !== flows)
    throw new Error(`only ${record.flowing} of ${flows} flows are back`);
  console.log(
    JSON.stringify({
      hosts,
      flows,
      events: world.clock.ran,
      seconds,
      eventsPerSecond: world.clock.ran / seconds,
      bytesPerHost: (loaded - empty) / hosts,
      virtualSeconds: world.clock.now() / 1000,
      allBackMs: record.allBackMs,
      probes: record.probes,
    }),
  );
}
