#!/usr/bin/env node
// What a daemon costs while nothing happens: CPU of both daemons of the lab with N established contexts and no
// traffic, as a share of one core, against the same daemons without contexts; interleaving is not possible (contexts
// come, they do not go), so the baseline is measured first. Needs root and `npm run build`.
//   node bench/idle.mjs [--contexts 1000] [--seconds 20] [--rounds 3] [--json]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lab } from '../dist/lab/lab.js';
import { Rtnetlink } from '../dist/linux/netlink/client.js';
import { parseAddress } from '../dist/wire/address.js';

const { values } = parseArgs({
  options: {
    contexts: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const N = Number(values.contexts);
const SECONDS = Number(values.seconds);
const ROUNDS = Number(values.rounds);
const TICKS = 100; // USER_HZ
const say = (text) => values.json || process.stderr.write(`${text}\n`);

const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
};
const pids = (lab) =>
  JSON.parse(readFileSync(`/run/rehome-lab/${lab.entry.id}.json`, 'utf8'))
    .processes.filter((p) => p.name.startsWith('rehome up'))
    .map((p) => p.pid);

async function rounds(lab, packets) {
  const shares = [];
  const sent = [];
  for (let i = 0; i < ROUNDS; i++) {
    const before = pids(lab).map(cpu);
    const p = await packets();
    const t = performance.now();
    await sleep(SECONDS * 1000);
    const elapsed = (performance.now() - t) / 1000;
    shares.push(...pids(lab).map((pid, k) => (cpu(pid) - before[k]) / elapsed));
    sent.push((await packets()) - p);
    say(
      `  ${shares
        .slice(-2)
        .map((s) => `${(100 * s).toFixed(2)} %`)
        .join(', ')} of a core; ${sent.at(-1)} packets`,
    );
  }
  shares.sort((a, b) => a - b);
  return { median: shares[shares.length >> 1], min: shares[0], max: shares.at(-1), packets: sent };
}

const lab = await Lab.start({ daemon: { profile: 'rfc' } });
try {
  const packets = async () => {
    const state = await lab.state();
    return state.paths.reduce((sum, p) => sum + p.counters.forwardedPackets, 0);
  };
  const side = Math.ceil(Math.sqrt(N));
  const address = (host, i) => parseAddress(`2001:db8:${host}1::1:${i.toString(16)}`);
  for (const [host, letter] of [
    ['A', 'a'],
    ['B', 'b'],
  ]) {
    const netlink = new Rtnetlink(lab.entry.namespace(host));
    const link = netlink.links().find((l) => l.name === 'up1');
    for (let i = 1; i <= side; i++) {
      netlink.addAddress({
        index: link.index,
        address: address(letter, i),
        prefixLength: 64,
        noDad: true,
        noPrefixRoute: true,
      });
    }
    netlink.close();
  }
  await sleep(2000);
  say('no contexts:');
  const baseline = await rounds(lab, packets);
  say(`establishing ${N} contexts`);
  for (let n = 0; n < N; n++) {
    const local = address('a', 1 + (n % side));
    const peer = address('b', 1 + Math.floor(n / side));
    await lab.daemon('A').client.establish({ local, peer });
  }
  let up = 0;
  for (let i = 0; i < 60 && up < N; i++) {
    await sleep(1000);
    up = (await lab.daemon('A').client.contexts()).contexts.filter(
      (c) => c.state === 'ESTABLISHED',
    ).length;
  }
  say(`${up} established; waiting for the last keepalives`);
  await sleep(20_000);
  say(`${up} contexts:`);
  const idle = await rounds(lab, packets);
  const result = { contexts: up, seconds: SECONDS, rounds: ROUNDS, baseline, idle };
  if (values.json) console.log(JSON.stringify(result));
  else {
    const pct = (x) =>
      `${(100 * x.median).toFixed(2)} % [${(100 * x.min).toFixed(2)}-${(100 * x.max).toFixed(2)}]`;
    console.log(
      `daemon, share of one core: no contexts ${pct(baseline)}, ${up} idle contexts ${pct(idle)}`,
    );
    console.log(
      `packets in ${SECONDS} s, all paths: no contexts ${baseline.packets.join(' ')}, idle ${idle.packets.join(' ')}`,
    );
  }
} finally {
  await lab.stop();
}
