#!/usr/bin/env node
// What a responder has left of a million I1 from a million sources, and what each costs.
//   npm run build && node --expose-gc bench/flood.mjs [--count N] [--json]
// The engine alone: the kernel data path lets 8,000 a second through (bpf/strangers.h).
import nodeCrypto from 'node:crypto';
import { parseArgs } from 'node:util';
import { HbaVerifier, generateHbaSet } from '../dist/identity/index.js';
import { HostEngine } from '../dist/engine/host.js';
import { sha1 } from '../dist/identity/sha1.js';
import { systemRandom } from '../dist/daemon/random.js';
import { simConfig } from '../dist/sim/world.js';
import { plainLocator } from '../dist/sim/host.js';
import { addressFromBytes } from '../dist/wire/address.js';
import { parsePrefix } from '../dist/wire/prefix.js';
import { buildControlPacket } from '../dist/wire/shim6/index.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
  },
});
const COUNT = Number(values.count);
if (typeof globalThis.gc !== 'function') {
  console.error('memory is measured after a collection: node --expose-gc bench/flood.mjs');
  process.exit(2);
}
const gc = globalThis.gc;
const octets = (/** @type {number} */ n) => new Uint8Array(nodeCrypto.randomBytes(n));
const extendedModifier = octets(48);
extendedModifier[0] |= 0x80;
const prefixes = ['a', 'b', 'c'].map((x) => parsePrefix(`2001:db8:${x}::/64`));
const set = generateHbaSet({ prefixes, sec: 0, key: { extendedModifier } }, octets(16));
const engine = new HostEngine({
  config: simConfig('rfc', { security: 'hba' }),
  random: systemRandom(),
  now: 0,
  verifier: new HbaVerifier({ identities: [set] }),
});
engine.setLocalLocators(
  set.addresses.map((a, i) => plainLocator(a.address, i + 1)),
  0,
);
const target = set.addresses[0].address;

/** One second of flood as packets, made before the clock runs. */
const second = (/** @type {number} */ n) =>
  Array.from({ length: n }, (_, i) => {
    const source = octets(16);
    source.set([0x20, 0x01, 0x0d, 0xb8]);
    return buildControlPacket(addressFromBytes(source), target, {
      message: 'i1',
      initiatorContextTag: i + 1,
      initiatorNonce: i,
      options: [],
    });
  });
const heap = () => {
  gc();
  gc();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

let now = 0;
let spent = 0;
const PIECE = 5_000; // what the budget of answers allows in half a second
const feed = (/** @type {number} */ count) => {
  for (let done = 0; done < count; done += PIECE) {
    const packets = second(PIECE);
    const start = performance.now();
    for (const packet of packets) engine.receive(packet, now);
    spent += performance.now() - start;
    now += 500;
  }
};
feed(100_000); // compiled, and every bounded cache full
spent = 0;
const before = heap();
feed(COUNT);
const after = heap();
const start = performance.now();
const message = octets(300);
for (let i = 0; i < 200_000; i++) sha1(message);
const hash = (performance.now() - start) / 200_000;
const counters = engine.counters();
const result = {
  node: process.version,
  count: COUNT,
  heapBeforeMB: before,
  heapAfterMB: after,
  octetsPerI1: ((after - before) * 2 ** 20) / COUNT,
  microsecondsPerI1: (spent * 1_000) / COUNT,
  sha1PerI1: spent / COUNT / hash,
  contexts: engine.contexts().length,
  answered: counters['sent-r1'],
};
if (values.json) console.log(JSON.stringify(result, null, 2));
else {
  console.log(
    `${COUNT} I1 from as many sources, ${result.answered - 100_000} answered, ${result.contexts} contexts`,
  );
  console.log(
    `heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after: ${result.octetsPerI1.toFixed(2)} octets each`,
  );
  console.log(
    `${result.microsecondsPerI1.toFixed(1)} us each, ${result.sha1PerI1.toFixed(1)} x one bare SHA-1`,
  );
}
