// The first section of docs/results.md: what profile `fast` has to reach, and what it does, from the same records as the
// sections below.

/** @typedef {readonly Record<string, any>[]} Records */

const timesOf = (/** @type {Records} */ records, /** @type {number} */ n) =>
  records.filter((r) => r.n === n).map((r) => r.explorationMs.A ?? Infinity);

const probesOf = (/** @type {Records} */ records, /** @type {number} */ n) => {
  const of = records.filter((r) => r.n === n);
  return of.reduce((sum, r) => sum + r.probes.A + r.probes.B, 0) / of.length;
};

const bestTwo = (/** @type {Records} */ records) => {
  const of = records.filter((r) => r.variant === 0);
  return of.reduce((k, r) => k + (r.forward < 2) + (r.backward < 2), 0) / (2 * of.length);
};

/**
 * @param {Record<string, Records>} measured by stem of the run
 * @returns {Promise<string>}
 */
export async function goalsSection(measured) {
  const { quantile } = await import('../dist/sim/stats.js');
  const { time } = await import('../dist/sim/experiments/compare.js');
  const { loadScenario } = await import('../dist/sim/scenario/load.js');
  const [paper, fast] = [measured.exploration ?? [], measured['exploration-fast'] ?? []];
  const two = timesOf(fast, 2);
  const sixteen = timesOf(fast, 16);
  const paperSixteen = timesOf(paper, 16);
  const share = bestTwo(measured['selection-fast'] ?? []);
  const server = (measured.server ?? []).find((r) => r.flows === 10_000) ?? {};
  const site = (measured['storm-fast'] ?? []).find((r) => r.flows === 10_000) ?? {};
  const watched = (measured['detection-fast'] ?? []).filter((r) => r.loss === 0.01);
  const moves = watched.reduce((sum, r) => sum + r.moves, 0);
  const hours = watched.reduce((sum, r) => sum + (r.hours ?? 0), 0);
  const rtt = 2 * (loadScenario('exploration').scenario.network.delay ?? NaN);
  /** @type {[string, string, string, string, boolean][]} */
  const rows = [
    [
      'exploration, n = 2: median / longest',
      'not stated / 600 ms',
      'under 2 RTT / 300 ms',
      `${time(quantile(two, 0.5))} (RTT ${time(rtt)}) / ${time(Math.max(...two))}`,
      quantile(two, 0.5) < 2 * rtt && Math.max(...two) <= 300,
    ],
    [
      'exploration, n = 16: median / 95 %',
      `7 s / 31 s (ours: ${time(quantile(paperSixteen, 0.5))} / ${time(quantile(paperSixteen, 0.95))})`,
      '300 ms / 1.0 s',
      `${time(quantile(sixteen, 0.5))} / ${time(quantile(sixteen, 0.95))}`,
      quantile(sixteen, 0.5) <= 300 && quantile(sixteen, 0.95) <= 1_000,
    ],
    [
      '... probes of both hosts, mean',
      `${probesOf(paper, 16).toFixed(1)} (ours)`,
      'no more',
      probesOf(fast, 16).toFixed(1),
      probesOf(fast, 16) <= probesOf(paper, 16),
    ],
    ['best two paths chosen', '46.1 %', '98 %', `${(100 * share).toFixed(1)} %`, share >= 0.98],
    [
      'server with 10,000 flows, an access link dies: all off it within',
      'each explores alone',
      '1 s, under 100 probes',
      `${time(server.allBackMs ?? Infinity)}, ${server.inside} probes and pings by the server, ${server.probes} probes and ${server.pings} pings in all until some seconds later`,
      (server.allBackMs ?? Infinity) <= 1_000 && server.inside < 100 && server.probes < 100,
    ],
    [
      'site of 100 hosts with 10,000 flows, the same',
      'each explores alone',
      '1 s, under 100 probes',
      `${time(site.allBackMs ?? Infinity)}, ${site.probes} probes; ${site.inside} pings by the 100 hosts of the site, ${site.pings} in all`,
      (site.allBackMs ?? Infinity) <= 1_000 && site.probes < 100,
    ],
    [
      'false moves an hour at 1 % loss',
      'not given',
      '0',
      `${moves} in ${hours.toFixed(0)} h of ${new Set(watched.map((r) => r.model)).size} kinds of traffic`,
      moves === 0,
    ],
  ];
  return [
    '## Beaten: profile `fast` against its goals',
    `What the paper could not do yet, the goal that was set, and what the sections below measured with profile \`fast\`. It is the
default because of this table; how it works, and why sessions always come back, is in [fast.md](fast.md).`,
    [
      '| measure | paper | goal | ours | reached |',
      '| --- | --- | --- | --- | --- |',
      ...rows.map((row) => `| ${row.slice(0, 4).join(' | ')} | ${row[4] ? 'yes' : '**no**'} |`),
    ].join('\n'),
  ].join('\n\n');
}
