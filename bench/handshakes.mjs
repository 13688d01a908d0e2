#!/usr/bin/env node
// Establishments a second, both ends in one process and nothing between them, for each way of proof; every peer is new.
//   npm run build && node bench/handshakes.mjs [--rounds N] [--peers N] [--json]
// Ratios to one bare SHA-1 and one bare RSA-2048 verification of the same round; the ways take turns, and what counts is the
// CPU time of the process. Median of the rounds, 10th to 90th percentile.
import nodeCrypto from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  HbaVerifier,
  generateCga,
  generateHbaSet,
  loadPublicKey,
  noVerification,
  publicKeyOf,
} from '../dist/identity/index.js';
import { HostEngine } from '../dist/engine/host.js';
import { sha1 } from '../dist/identity/sha1.js';
import { systemRandom } from '../dist/daemon/random.js';
import { simConfig } from '../dist/sim/world.js';
import { plainLocator } from '../dist/sim/host.js';
import { parsePrefix } from '../dist/wire/prefix.js';
import { cpuMs, perCall } from './cpu.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    peers: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const [ROUNDS, PEERS] = [Number(values.rounds), Number(values.peers)];
const random = systemRandom();
const { privateKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicKey = publicKeyOf(privateKey);
const octets = (/** @type {number} */ n) => new Uint8Array(nodeCrypto.randomBytes(n));
const extended = () => {
  const out = octets(48);
  out[0] |= 0x80;
  return out;
};

/** One host's identity in three prefixes of its own. */
function identity(/** @type {string} */ kind, /** @type {number} */ n) {
  const prefixes = [1, 2, 3].map((p) => parsePrefix(`2001:db8:${n.toString(16)}:${p}::/64`));
  if (kind === 'cga') {
    const make = (/** @type {any} */ prefix) =>
      generateCga({ prefix, publicKey, sec: 0, modifier: octets(16) });
    return prefixes.map((prefix) => ({ addresses: [make(prefix)], privateKey }));
  }
  const key = kind === 'hybrid' ? { publicKey } : { extendedModifier: extended() };
  const { addresses } = generateHbaSet({ prefixes, sec: 0, key }, octets(16));
  return [kind === 'hybrid' ? { addresses, privateKey } : { addresses }];
}

/** An engine with these identities, all of their addresses its own. */
function host(/** @type {string} */ kind, /** @type {any[]} */ identities) {
  const config = simConfig('rfc', { security: /** @type {any} */ (kind), maxContexts: 60_000 });
  const verifier = kind === 'none' ? noVerification : new HbaVerifier({ identities });
  const engine = new HostEngine({ config, random, now: 0, verifier });
  const addresses = identities.flatMap((i) => i.addresses.map((/** @type {any} */ a) => a.address));
  engine.setLocalLocators(
    addresses.map((a, i) => plainLocator(a, i + 1)),
    0,
  );
  return engine;
}

/** Seconds of CPU for PEERS establishments with one server. */
function establish(/** @type {string} */ kind) {
  const made = kind === 'none' ? 'hba' : kind;
  const server = identity(made, 0xffff);
  const clients = Array.from({ length: PEERS }, (_, n) => identity(made, n + 1));
  const b = host(kind, server);
  // Each client a host by itself; without proof an address is enough for all of them.
  const hosts = clients.map((c) => host(kind, c));
  const peer = server[0].addresses[0].address;
  const start = cpuMs();
  for (const [i, a] of hosts.entries()) {
    // Two seconds of a day for each, so that no budget is touched.
    let now = i * 2_000;
    let flying = a.establish({ local: clients[i][0].addresses[0].address, peer }, now);
    let turn = b;
    for (let hop = 0; hop < 4; hop++) {
      const packets = flying.filter((e) => e.kind === 'send').map((e) => e.packet);
      flying = packets.flatMap((p) => turn.receive(p, now));
      turn = turn === b ? a : b;
      now += 1;
    }
  }
  const seconds = (cpuMs() - start) / 1_000;
  const established = b.contexts().filter((c) => c.state === 'ESTABLISHED').length;
  if (established !== PEERS) throw new Error(`${kind}: ${established} of ${PEERS} established`);
  return seconds;
}

const message = octets(300);
const bareKey = loadPublicKey(publicKey);
const bareSignature = nodeCrypto.sign('sha1', message, privateKey);
const KINDS = ['none', 'hba', 'hybrid', 'cga'];
for (const kind of KINDS) establish(kind); // compiled before it counts
const rounds = Array.from({ length: ROUNDS }, (_, r) => {
  const order = KINDS.map((_, i) => KINDS[(i + r) % KINDS.length]);
  const hash = perCall(() => void sha1(message)) / 1_000;
  const rsa =
    perCall(() => void nodeCrypto.verify('sha1', message, bareKey, bareSignature)) / 1_000;
  const each = Object.fromEntries(order.map((kind) => [kind, establish(kind) / PEERS]));
  return { hash, rsa, each };
});
const quantile = (/** @type {number[]} */ all, /** @type {number} */ q) => {
  const sorted = [...all].sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
};
const summary = (/** @type {number[]} */ all) => ({
  median: quantile(all, 0.5),
  from: quantile(all, 0.1),
  to: quantile(all, 0.9),
});
const rows = KINDS.map((kind) => ({
  kind,
  perSecond: summary(rounds.map((r) => 1 / r.each[kind])),
  sha1: summary(rounds.map((r) => r.each[kind] / r.hash)),
  rsa: summary(rounds.map((r) => r.each[kind] / r.rsa)),
}));
if (values.json) {
  console.log(
    JSON.stringify({ node: process.version, rounds: ROUNDS, peers: PEERS, rows }, null, 2),
  );
} else {
  const cell = (/** @type {{ median: number, from: number, to: number }} */ x) =>
    `${x.median.toPrecision(3)} (${x.from.toPrecision(3)}..${x.to.toPrecision(3)})`.padEnd(26);
  console.log(
    `establishments, both ends`.padEnd(28) +
      'per second'.padEnd(26) +
      'x SHA-1'.padEnd(26) +
      'x RSA',
  );
  for (const { kind, perSecond, sha1: hash, rsa } of rows) {
    console.log(`${kind.padEnd(28)}${cell(perSecond)}${cell(hash)}${cell(rsa)}`.trimEnd());
  }
}
