#!/usr/bin/env node
// What verification costs, as ratios to one bare SHA-1 and one bare RSA verification of the same run.
//   npm run build && node bench/identity.mjs [--rounds N] [--json]
// All contestants take turns in every round, so that a slow moment of the machine hits all of them, and what counts is
// the CPU time of the process. Printed: the median of the rounds, and the spread (10th to 90th percentile) of the ratio
// within each round.
import nodeCrypto from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  HbaVerifier,
  decodeParameters,
  generateHbaSet,
  hash2,
  loadPublicKey,
  prepareHbaSet,
  publicKeyOf,
  searchHash2,
  signLocators,
  verifyHba,
} from '../dist/identity/index.js';
import { sha1 } from '../dist/identity/sha1.js';
import { parseAddress } from '../dist/wire/address.js';
import { parsePrefix } from '../dist/wire/prefix.js';
import { cpuMs, perCall } from './cpu.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, json: { type: 'boolean', default: false } },
});
const ROUNDS = Number(values.rounds);
const SLICE_MS = 20;

const prefixes = ['a', 'b', 'c'].map((x) => parsePrefix(`2001:db8:${x}::/64`));
const { privateKey } = nodeCrypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicKey = publicKeyOf(privateKey);
const random = (/** @type {number} */ length) => new Uint8Array(nodeCrypto.randomBytes(length));

/** A set made from start to end, with the search that its Sec asks for. */
function make(/** @type {number} */ sec, hybrid = false) {
  const extendedModifier = random(48);
  const input = { prefixes, sec, key: hybrid ? { publicKey } : { extendedModifier } };
  const { modifier } = searchHash2(prepareHbaSet(input), random(16), 2 ** 24);
  if (modifier === undefined) throw new Error('no modifier in 2^24');
  return generateHbaSet(input, modifier);
}

const only = make(1);
const hybrid = make(0, true);
const [first] = only.addresses;
const octets = first.parameters;
const ulid = first.address;
const listOf = (/** @type {typeof only} */ set, /** @type {string[]} */ ...extra) => ({
  option: 'locatorList',
  generation: 1,
  locators: [
    ...set.addresses.map((a) => ({ address: a.address, method: 1 })),
    ...extra.map((a) => ({ address: parseAddress(a), method: 2 })),
  ],
});
const hbaList = listOf(only);
const hbaProof = { parameters: octets, signature: undefined };
const signed = ['2001:db8:d::1', '2001:db8:e::1'];
const signature = signLocators(privateKey, 1, signed.map(parseAddress));
const cgaUlid = hybrid.addresses[0].address;
const cgaList = listOf(hybrid, ...signed);
const cgaProof = { parameters: hybrid.addresses[0].parameters, signature };
const bareKey = loadPublicKey(publicKey);
const bareMessage = random(52);
const bareSignature = nodeCrypto.sign('sha1', bareMessage, privateKey);
const warm = new HbaVerifier();
const need = (/** @type {boolean} */ ok) => {
  if (!ok) throw new Error('a verification failed: the numbers would mean nothing');
};

/** @type {Record<string, () => void>} */
const contestants = {
  'bare SHA-1': () => void sha1(octets),
  'bare RSA-2048 verification': () =>
    need(nodeCrypto.verify('sha1', bareMessage, bareKey, bareSignature)),
  'HBA, one address, Sec 1, parsed before': (() => {
    const decoded = decodeParameters(octets);
    return () => need(verifyHba(ulid, decoded.parameters).ok);
  })(),
  'HBA, list of 3, new peer': () => need(new HbaVerifier().verify(ulid, hbaList, hbaProof).ok),
  'HBA, list of 3, known peer': () => need(warm.verify(ulid, hbaList, hbaProof).ok),
  'hybrid, 3 HBA + 2 signed, new peer': () =>
    need(new HbaVerifier().verify(cgaUlid, cgaList, cgaProof).ok),
  'hybrid, 3 HBA + 2 signed, known peer': () => need(warm.verify(cgaUlid, cgaList, cgaProof).ok),
  'the same, with a new list each time': (() => {
    const lists = [1, 2].map((generation) => ({ ...cgaList, generation }));
    const proofs = lists.map(({ generation }) => ({
      ...cgaProof,
      signature: signLocators(privateKey, generation, signed.map(parseAddress)),
    }));
    let turn = 0;
    return () => need(warm.verify(cgaUlid, lists[(turn ^= 1)], proofs[turn]).ok);
  })(),
  'forged parameters, refused': (() => {
    const forged = octets.slice();
    forged[0] ^= 1;
    const proof = { parameters: forged, signature: undefined };
    return () => need(!warm.verify(ulid, hbaList, proof).ok);
  })(),
  'HBA set of 3 made, Sec 0': () => void make(0),
};

/** Microseconds per call in one slice. */
const slice = (/** @type {() => void} */ run) => perCall(run, SLICE_MS) * 1000;

const quantile = (/** @type {number[]} */ all, /** @type {number} */ q) => {
  const sorted = [...all].sort((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
};

const names = Object.keys(contestants);
for (const name of names) slice(contestants[name]); // compiled before it counts
/** @type {Record<string, number>[]} */
const rounds = [];
for (let r = 0; r < ROUNDS; r++) {
  const order = [...names.slice(r % names.length), ...names.slice(0, r % names.length)];
  rounds.push(Object.fromEntries(order.map((name) => [name, slice(contestants[name])])));
}
const [SHA1, RSA] = names;
const rows = names.map((name) => {
  const ratios = (/** @type {string} */ base) => rounds.map((r) => r[name] / r[base]);
  const summary = (/** @type {string} */ base) => ({
    median: quantile(ratios(base), 0.5),
    from: quantile(ratios(base), 0.1),
    to: quantile(ratios(base), 0.9),
  });
  const microseconds = quantile(
    rounds.map((r) => r[name]),
    0.5,
  );
  return {
    name,
    microseconds,
    perSecond: 1e6 / microseconds,
    sha1: summary(SHA1),
    rsa: summary(RSA),
  };
});

// Sec 1 takes thousands of hashes and a lucky number of them: by itself, with the spread it really has.
const sec1 = Array.from({ length: 12 }, () => {
  const start = cpuMs();
  make(1);
  return cpuMs() - start;
});
const hashRate = 1e3 / (slice(() => void hash2(octets)) / 1e3);
const sec1Row = {
  medianMs: quantile(sec1, 0.5),
  fromMs: quantile(sec1, 0),
  toMs: quantile(sec1, 1),
};

if (values.json) {
  const about = { node: process.version, rounds: ROUNDS, sliceMs: SLICE_MS };
  console.log(JSON.stringify({ ...about, rows, sec1: sec1Row, hash2PerSecond: hashRate }, null, 2));
} else {
  const cell = (/** @type {{ median: number, from: number, to: number }} */ x) =>
    `${x.median.toPrecision(3)} (${x.from.toPrecision(3)}..${x.to.toPrecision(3)})`.padEnd(26);
  console.log(`${''.padEnd(42)}${'per second'.padEnd(12)}${'x SHA-1'.padEnd(26)}x RSA`);
  for (const row of rows) {
    const rate = Math.round(row.perSecond).toString().padEnd(12);
    console.log(`${row.name.padEnd(42)}${rate}${cell(row.sha1)}${cell(row.rsa)}`.trimEnd());
  }
  const { medianMs, fromMs, toMs } = sec1Row;
  console.log(
    `HBA set of 3 made, Sec 1, one thread: ${medianMs.toFixed(0)} ms (${fromMs.toFixed(0)}..${toMs.toFixed(0)} of 12)`,
  );
}
