#!/usr/bin/env node
// What a responder has left of a million I1 from a million sources, and what each costs.
//   npm run build && node --expose-gc bench/flood.mjs [--count N] [--rounds N] [--json]
// The engine alone: the kernel data path lets 8,000 a second through (bpf/strangers.h). I1, bare SHA-1 and bare RSA-2048
// verification take turns, by the CPU time of the process: median of the rounds, and 10th to 90th percentile.
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
import { cpuMs, perCall } from './cpu.mjs';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(values.rounds);
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
const PIECE = 5_000; // what the budget of answers allows in half a second
/** Milliseconds of CPU for each I1. */
const feed = (/** @type {number} */ count) => {
  let spent = 0;
  for (let done = 0; done < count; done += PIECE) {
    const packets = second(PIECE);
    const start = cpuMs();
    for (const packet of packets) engine.receive(packet, now);
    spent += cpuMs() - start;
    now += 500;
  }
  return spent / count;
};
const { privateKey, publicKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const message = octets(300);
const signature = nodeCrypto.sign('sha1', message, privateKey);
const WARM = 100_000; // compiled, and every bounded cache full
feed(WARM);
const before = heap();
const each = Math.max(PIECE, Math.round(COUNT / ROUNDS / PIECE) * PIECE);
const rounds = Array.from({ length: ROUNDS }, () => {
  const hash = perCall(() => void sha1(message));
  const rsa = perCall(() => void nodeCrypto.verify('sha1', message, publicKey, signature));
  return { hash, rsa, i1: feed(each) };
});
const after = heap();
const summary = (/** @type {number[]} */ all) => {
  const sorted = [...all].sort((x, y) => x - y);
  const quantile = (/** @type {number} */ q) =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { median: quantile(0.5), from: quantile(0.1), to: quantile(0.9) };
};
const counters = engine.counters();
const count = each * ROUNDS;
const result = {
  node: process.version,
  count,
  rounds: ROUNDS,
  heapBeforeMB: before,
  heapAfterMB: after,
  octetsPerI1: ((after - before) * 2 ** 20) / count,
  microsecondsPerI1: summary(rounds.map((r) => r.i1 * 1_000)),
  sha1PerI1: summary(rounds.map((r) => r.i1 / r.hash)),
  rsaPerI1: summary(rounds.map((r) => r.i1 / r.rsa)),
  contexts: engine.contexts().length,
  answered: counters['sent-r1'] - WARM,
};
if (values.json) console.log(JSON.stringify(result, null, 2));
else {
  const cell = (/** @type {{ median: number, from: number, to: number }} */ x) =>
    `${x.median.toPrecision(3)} (${x.from.toPrecision(3)}..${x.to.toPrecision(3)})`;
  console.log(
    `${count} I1 from as many sources, ${result.answered} answered, ${result.contexts} contexts`,
  );
  console.log(
    `heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after: ${result.octetsPerI1.toFixed(2)} octets each`,
  );
  console.log(
    `${cell(result.microsecondsPerI1)} us each, ${cell(result.sha1PerI1)} x one bare SHA-1, ` +
      `${cell(result.rsaPerI1)} x one bare RSA-2048 verification`,
  );
}
