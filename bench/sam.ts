/**
 * SAM in network namespaces, with real daemons: one TCP stream through a gateway against plain kernel forwarding, in
 * turn; and what the gateway remembers of 10 to 10,000 children. Needs root, iperf3 and `npm run build`.
 *   npx vite-node bench/sam.ts [-- --rounds 7 --seconds 3 --svg docs/img/sam-state.svg --json]
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ControlClient } from '../src/control/client.js';
import { Rtnetlink } from '../src/linux/netlink/client.js';
import {
  createNamespace,
  deleteNamespace,
  inNamespace,
  listNamespaces,
  openNamespace,
  writeSysctl,
} from '../src/linux/netns.js';
import { FdPoller } from '../src/linux/poller.js';
import { openIcmpSender } from '../src/linux/rawsocket.js';
import { close } from '../src/linux/syscalls.js';
import { encapsulate } from '../src/sam/encapsulation.js';
import { encodeLocal } from '../src/sam/local.js';
import { delegate } from '../src/sam/mapping.js';
import { lineChart, logAxis } from '../src/sim/draw/charts.js';
import { parseAddress } from '../src/wire/address.js';
import { buildIpv6 } from '../src/wire/ipv6.js';
import { parsePrefix } from '../src/wire/prefix.js';

const { values } = parseArgs({
  args: process.argv.slice(2).filter((a) => a !== '--'),
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    svg: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [ROUNDS, SECONDS] = [Number(values.rounds), Number(values.seconds)];
const CHILDREN = [10, 30, 100, 300, 1_000, 3_000, 10_000];
const FAR = '2001:db8:ffff::1';
const NOBODY = parseAddress('2001:db8:ffff::2');
const ZONE = parsePrefix('2001:db8:a::/48');
const CONSTANT = parsePrefix('fcf0::/12');
const REHOME = resolve('bin/rehome.js');
const say = (text: string): void => void (values.json || process.stderr.write(`${text}\n`));

/** host - gateway - internet; the host's own address is the only difference between the two. */
class Lab {
  readonly h: string;
  readonly g: string;
  readonly i: string;
  readonly daemons: ChildProcess[] = [];
  server: ChildProcess | undefined;

  constructor(prefix: string) {
    for (const name of listNamespaces(prefix)) deleteNamespace(name);
    [this.h, this.g, this.i] = [`${prefix}h`, `${prefix}g`, `${prefix}i`];
    for (const name of [this.h, this.g, this.i]) createNamespace(name);
    writeSysctl(this.g, 'net/ipv6/conf/all/forwarding', 1);
    this.#wire(this.h, 'eth0', this.g, 'lan0');
    this.#wire(this.g, 'wan0', this.i, 'up0');
    this.#address(this.g, 'wan0', '2001:db8:fa::2');
    this.#address(this.i, 'up0', '2001:db8:fa::1');
    const internet = new Rtnetlink(this.i);
    internet.addAddress({
      address: parseAddress(FAR),
      prefixLength: 128,
      index: internet.index('up0'),
      noDad: true,
    });
    internet.addRoute({
      destination: ZONE,
      gateway: parseAddress('2001:db8:fa::2'),
      index: internet.index('up0'),
    });
    internet.addRoute({ destination: { address: NOBODY, length: 128 }, type: 'blackhole' });
    internet.close();
    const gateway = new Rtnetlink(this.g);
    gateway.addRoute({
      destination: parsePrefix('::/0'),
      gateway: parseAddress('2001:db8:fa::1'),
      index: gateway.index('wan0'),
    });
    gateway.close();
    this.server = inNamespace(this.i, () => spawn('iperf3', ['-s'], { stdio: 'ignore' }));
  }

  #wire(a: string, nameA: string, b: string, nameB: string): void {
    const fd = openNamespace(b);
    const [na, nb] = [new Rtnetlink(a), new Rtnetlink(b)];
    na.createVeth({ name: nameA }, { name: nameB, namespaceFd: fd });
    na.setLink(nameA, { up: true });
    nb.setLink(nameB, { up: true });
    close(fd);
    na.close();
    nb.close();
  }

  #address(name: string, device: string, address: string): void {
    const netlink = new Rtnetlink(name);
    netlink.addAddress({
      address: parseAddress(address),
      prefixLength: 64,
      index: netlink.index(device),
      noDad: true,
    });
    netlink.close();
  }

  plain(): string {
    const own = '2001:db8:a:1::7';
    this.#address(this.h, 'eth0', own);
    this.#address(this.g, 'lan0', '2001:db8:a:1::1');
    const host = new Rtnetlink(this.h);
    host.addRoute({
      destination: parsePrefix('::/0'),
      gateway: parseAddress('2001:db8:a:1::1'),
      index: host.index('eth0'),
    });
    host.close();
    return own;
  }

  /** `more`: Shim6 is kept away from the host's addresses, so that SAM alone is measured. */
  async daemon(
    which: 'h' | 'g',
    directory: string,
    sam: string,
    more = '',
  ): Promise<ControlClient> {
    const socket = join(directory, `${which}.sock`);
    const file = join(directory, `${which}.toml`);
    writeFileSync(
      file,
      `${more}security = "none"\nforce_insecure = true\nstate_dir = "${directory}/${which}"\n[sam]\n${sam}\n[control]\nsocket = "${socket}"\n`,
    );
    this.daemons.push(
      inNamespace(this[which], () =>
        spawn(process.execPath, [REHOME, 'up', '--config', file], { stdio: 'ignore' }),
      ),
    );
    const client = new ControlClient({ socket });
    const wanted = which === 'g' ? 2 : 1;
    for (let i = 0; i < 150; i++) {
      await sleep(100);
      const found = await client.sam().catch(() => undefined);
      if ((found?.addresses.length ?? 0) >= wanted) return client;
    }
    throw new Error(`the daemon in ${which} has no addresses`);
  }

  stream(from: string, reverse: boolean): number {
    const args = ['-J', '-t', String(SECONDS), '-c', FAR, '-B', from, ...(reverse ? ['-R'] : [])];
    const run = inNamespace(this.h, () => spawnSync('iperf3', args, { encoding: 'utf8' }));
    const json = JSON.parse(run.stdout) as {
      error?: string;
      end: { sum_received: { bits_per_second: number } };
    };
    if (json.error !== undefined) throw new Error(json.error);
    return json.end.sum_received.bits_per_second / 1e9;
  }

  close(): void {
    for (const child of [...this.daemons, this.server]) child?.kill('SIGTERM');
    for (const name of [this.h, this.g, this.i]) deleteNamespace(name);
  }
}

const median = (x: readonly number[]): number => [...x].sort((a, b) => a - b)[x.length >> 1] ?? NaN;

async function throughput(sam: Lab, plain: Lab, from: string): Promise<Record<string, number[]>> {
  const own = plain.plain();
  const out: Record<string, number[]> = {
    'plain up': [],
    'sam up': [],
    'plain down': [],
    'sam down': [],
  };
  await sleep(1_500);
  for (let i = 0; i < ROUNDS; i++) {
    // The one that goes first changes with every round.
    const both = [
      (way: string): unknown => out[`plain ${way}`]?.push(plain.stream(own, way === 'down')),
      (way: string): unknown => out[`sam ${way}`]?.push(sam.stream(from, way === 'down')),
    ];
    for (const way of ['up', 'down'])
      for (const run of i % 2 === 0 ? both : [...both].reverse()) run(way);
    say(
      `  round ${i + 1} of ${ROUNDS}: ${Object.entries(out)
        .map(([n, all]) => `${n} ${all.at(-1)?.toFixed(1)}`)
        .join(', ')}`,
    );
  }
  return out;
}

interface State {
  readonly children: number;
  readonly packets: number;
  readonly elements: number;
  readonly routes: number;
  readonly addresses: number;
  readonly rssMiB: number;
}

/** Packets of so many children, each with its own local and global address, through the gateway. */
async function state(sam: Lab, client: ControlClient): Promise<State[]> {
  const pid = sam.daemons[0]?.pid ?? 0;
  const poller = new FdPoller();
  const sender = openIcmpSender({ poller, namespace: sam.h });
  const netlink = new Rtnetlink(sam.h);
  const index = netlink.index('eth0');
  netlink.close();
  const gateway = parseAddress((await client.sam()).zones[0]?.links[0]?.local ?? '');
  const out: State[] = [];
  for (const children of CHILDREN) {
    const before = (await client.sam()).counters['decapsulated'] ?? 0;
    for (let i = 0; i < children; i++) {
      const local = encodeLocal(
        CONSTANT,
        { value: 0n, length: 0 },
        { value: BigInt(0x100000 + i), length: 24 },
      );
      const inner = buildIpv6({
        source: delegate(ZONE, local).address,
        destination: NOBODY,
        nextHeader: 59,
        hopLimit: 64,
        payload: new Uint8Array(16),
      });
      const packet = encapsulate(inner, { source: local, destination: gateway });
      while (sender.send(packet, index) !== 0) await sleep(1);
      if (i % 100 === 99) await sleep(2);
    }
    await sleep(300);
    const now = await client.sam();
    const g = new Rtnetlink(sam.g);
    out.push({
      children,
      packets: (now.counters['decapsulated'] ?? 0) - before,
      elements: now.state,
      routes: g.routes().length,
      addresses: g.addresses().length,
      rssMiB:
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    });
    g.close();
  }
  sender.close();
  poller.close();
  return out;
}

const directory = mkdtempSync(join(tmpdir(), 'rehome-bench-'));
const labs: Lab[] = [];
try {
  const sam = new Lab('rhBs-');
  labs.push(sam);
  const plain = new Lab('rhBp-');
  labs.push(plain);
  const gateway = await sam.daemon(
    'g',
    directory,
    'role = "gateway"\ninterfaces = ["lan0"]\n[[sam.provider]]\nprefix = "2001:db8:a::/48"\ninterface = "wan0"',
  );
  await sam.daemon('h', directory, 'role = "host"\ninterfaces = ["eth0"]', 'interfaces = ["lo"]\n');
  const from =
    (await new ControlClient({ socket: join(directory, 'h.sock') }).sam()).addresses[0]?.address ??
    '';
  const rates = await throughput(sam, plain, from);
  const states = await state(sam, gateway);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  if (values.json)
    console.log(JSON.stringify({ rounds: ROUNDS, seconds: SECONDS, rates, states }, null, 2));
  else {
    for (const way of ['up', 'down']) {
      const base = median(rates[`plain ${way}`] ?? []);
      for (const name of [`plain ${way}`, `sam ${way}`]) {
        const all = rates[name] ?? [];
        const [low, high] = [Math.min(...all), Math.max(...all)].map((v) => v.toFixed(1));
        console.log(
          `${name.padEnd(10)} ${median(all).toFixed(1)} Gbit/s [${low}-${high}], ${(median(all) / base).toFixed(2)} of plain`,
        );
      }
      const pairs = (rates[`sam ${way}`] ?? []).map(
        (v, i) => v / (rates[`plain ${way}`]?.[i] ?? NaN),
      );
      console.log(
        `           round by round: median ${median(pairs).toFixed(2)} [${Math.min(...pairs).toFixed(2)}-${Math.max(...pairs).toFixed(2)}]`,
      );
    }
    for (const s of states) {
      console.log(
        `${String(s.children).padStart(6)} children, ${s.packets} packets: ${s.elements} map elements, ${s.routes} routes, ${s.addresses} addresses, daemon ${s.rssMiB.toFixed(0)} MiB`,
      );
    }
  }
  if (values.svg !== undefined) {
    const curve = (label: string, of: (s: State) => number) => ({
      label,
      points: states.map((s) => [s.children, of(s)] as const),
    });
    writeFileSync(
      values.svg,
      lineChart({
        title: 'What a SAM gateway remembers',
        caption: `npx vite-node bench/sam.ts -- --svg ${values.svg}, at ${commit}`,
        xLabel: 'children that have sent through the gateway',
        yLabel: '',
        x: logAxis('children that have sent through the gateway', 10, 10_000),
        curves: [
          curve('map elements', (s) => s.elements),
          curve('routes', (s) => s.routes),
          curve('daemon, MiB', (s) => s.rssMiB),
        ],
      }),
    );
  }
} finally {
  for (const lab of labs) lab.close();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
