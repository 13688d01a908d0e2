/**
 * One TCP stream between two hosts in namespaces, through the kernel data path: without it, with a context on its ULIDs,
 * and re-homed with the header; interleaved. Needs root and iperf3. `npx vite-node bench/throughput.ts`
 */
import { spawn, spawnSync } from 'node:child_process';
import { inNamespace } from '../src/linux/netns.js';
import { A, B, bindings, sleep, TwoHosts } from '../test/dataplane/kernel.support.js';

const ROUNDS = 5;
const net = await new TwoHosts('rhP').ready();
const server = inNamespace(net.b, () => spawn('iperf3', ['-s'], { stdio: 'ignore' }));
const results: Record<string, number[]> = { plain: [], direct: [], header: [] };
try {
  await sleep(500);
  const measure = (name: string): void => {
    const run = inNamespace(net.a, () =>
      spawnSync('iperf3', ['-J', '-t', '2', '-c', B[0], '-B', A[0]], { encoding: 'utf8' }),
    );
    const json = JSON.parse(run.stdout) as { end: { sum_received: { bits_per_second: number } } };
    results[name]?.push(json.end.sum_received.bits_per_second / 1e9);
  };
  for (let i = 0; i < ROUNDS; i++) {
    measure('plain');
    const [pa, pb] = [net.open('a'), net.open('b')];
    const [direct, moved] = [bindings(), bindings(A[1], B[1])];
    const [ha, hb] = [pa.install(direct.a), pb.install(direct.b)];
    await sleep(100);
    measure('direct');
    pa.update(ha, moved.a);
    pb.update(hb, moved.b);
    measure('header');
    pa.close();
    pb.close();
    await sleep(100);
  }
} finally {
  server.kill();
  net.close();
}
const median = (x: number[]): number => [...x].sort((a, b) => a - b)[x.length >> 1] ?? NaN;
const plain = median(results['plain'] ?? []);
for (const [name, all] of Object.entries(results)) {
  const [low, high] = [Math.min(...all), Math.max(...all)].map((v) => v.toFixed(1));
  const ratio = (median(all) / plain).toFixed(2);
  console.log(
    `${name.padEnd(6)} ${median(all).toFixed(1)} Gbit/s [${low}-${high}], ${ratio} of plain`,
  );
}
process.exit(0);
