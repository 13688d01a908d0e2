import { ControlError } from '../../src/control/errors.js';
import type {
  ContextJson,
  ContextReplyJson,
  DoneJson,
  EventJson,
  ExitJson,
  IdentitiesJson,
  LocatorJson,
  PathJson,
  SamJson,
  SessionJson,
  StatusJson,
} from '../../src/control/schema.js';
import type { ControlSource } from '../../src/control/source.js';

/** A daemon's answers at one moment, with everything that can be in them. Used by API and output tests. */
export const NOW = '2026-11-23T12:00:00.000Z';
const before = (seconds: number): string =>
  new Date(Date.parse(NOW) - seconds * 1_000).toISOString();
const envelope = { schema: 1 as const, now: NOW };

const A = (n: number): string => `2001:db8:a${n}::1`;
const B = (n: number): string => `2001:db8:b${n}::1`;
export const NAMES = Object.fromEntries(
  [1, 2, 3].flatMap((n) => [
    [A(n), `a${n}`],
    [B(n), `b${n}`],
  ]),
);

export const event = (seq: number, more: Partial<EventJson> = {}): EventJson => ({
  seq,
  at: before(100 - seq),
  name: 'path-changed',
  tag: '2f4100000001',
  ulids: { local: A(1), peer: B(1) },
  detail: { from: `${A(1)} ${B(1)}`, to: `${A(2)} ${B(1)}` },
  ...more,
});

export const rehomed: SessionJson = {
  tag: '2f4100000001',
  ulids: { local: A(1), peer: B(1) },
  forkedInstanceIdentifier: 0,
  state: 'ESTABLISHED',
  health: 'rehomed',
  pair: { local: A(2), peer: B(1) },
  shimmed: true,
  since: before(12),
  lastRecovery: {
    startedAt: before(12.6),
    endedAt: before(12),
    detectionMs: 3_000,
    explorationMs: 612,
    probesSent: 3,
    from: { local: A(1), peer: B(1) },
    to: { local: A(2), peer: B(1) },
  },
  lastEvent: event(88),
};
export const quiet: SessionJson = {
  ...rehomed,
  tag: '11aa00000002',
  ulids: { local: A(3), peer: B(2) },
  health: 'protected',
  pair: { local: A(3), peer: B(2) },
  shimmed: false,
  since: before(300),
  lastRecovery: null,
  lastEvent: null,
};

export const status: StatusJson = {
  ...envelope,
  daemon: {
    version: '0.1.0',
    pid: 4711,
    startedAt: before(600),
    config: '/etc/rehome/rehome.toml',
    profile: 'rfc',
    security: 'none',
    dataPath: 'kernel',
  },
  warnings: ['security is "none": locators are not verified'],
  summary: { sessions: 2, protected: 2, rehomed: 1, exploring: 0, establishing: 0, refused: 0 },
  names: NAMES,
  sessions: [rehomed, quiet],
  sessionsOmitted: 0,
  lastEvent: event(88),
  locators: { total: 3, operational: 3 },
  refusals: [],
  counters: { engine: { 'sent-probe': 3 }, dataPath: { encoded: 17 }, sam: { encapsulated: 12 } },
  sam: { role: 'host', zones: ['site'], addresses: 4, dropped: 3 },
};

const locator = (address: string, more: Partial<LocatorJson> = {}): LocatorJson => ({
  address,
  name: NAMES[address] ?? null,
  method: 254,
  verified: false,
  broken: false,
  transient: false,
  priority: 0,
  weight: 0,
  ...more,
});

export const context: ContextJson = {
  tag: '2f4100000001',
  peerTag: '7e0000000abc',
  state: 'ESTABLISHED',
  health: 'rehomed',
  ulids: rehomed.ulids,
  forkedInstanceIdentifier: 0,
  pair: rehomed.pair,
  shimmed: true,
  initiator: true,
  createdAt: before(301),
  establishedAt: before(300),
  lastActivity: before(0.4),
  localLocators: [locator(A(1), { broken: true }), locator(A(2)), locator(A(3), { priority: 10 })],
  peerLocators: [
    locator(B(1), { method: 2, verified: true }),
    locator(B(2)),
    locator(B(3), { transient: true }),
  ],
  reap: {
    state: 'operational',
    since: before(12),
    sendTimeoutMs: 15_000,
    keepaliveTimeoutMs: 15_000,
    probesSent: 3,
    probesReceived: 2,
    keepalivesSent: 0,
    keepalivesReceived: 1,
    lastRecovery: rehomed.lastRecovery,
  },
  lastEvent: event(88),
};

const path = (a: number, b: number, more: Partial<PathJson> = {}): PathJson => ({
  pair: { local: A(a), peer: B(b) },
  current: false,
  outbound: 'unknown',
  inbound: 'unknown',
  lastProbed: null,
  lastWorked: null,
  rttMs: null,
  ...more,
});
export const paths: PathJson[] = [
  path(1, 1, { outbound: 'silent', lastProbed: before(12.5), lastWorked: before(31) }),
  path(2, 1, {
    current: true,
    outbound: 'works',
    inbound: 'works',
    lastProbed: before(12),
    lastWorked: before(12),
    rttMs: 20.31,
  }),
  path(3, 2),
];

const done = (text: string): DoneJson => ({ ...envelope, done: text, tags: ['2f4100000001'] });

/** Answers with the above, records what it was asked to do. */
export class FakeSource implements ControlSource {
  readonly asked: string[] = [];
  readonly #followers = new Set<(event: EventJson) => void>();
  kept: EventJson[] = [event(87), event(88)];

  get followers(): number {
    return this.#followers.size;
  }
  emit(e: EventJson): void {
    this.kept.push(e);
    for (const follower of this.#followers) follower(e);
  }
  status(): StatusJson {
    return status;
  }
  contexts() {
    return { ...envelope, contexts: [context] };
  }
  context(tag: string): ContextReplyJson {
    if (!'2f4100000001'.startsWith(tag))
      throw new ControlError(
        'REHOME_E_NO_CONTEXT',
        `no context has a tag that begins with "${tag}"`,
      );
    return { ...envelope, context, paths, events: this.kept };
  }
  paths(peer: string) {
    if (peer === 'boom') throw new TypeError('a bug');
    return {
      ...envelope,
      peer: B(1),
      names: NAMES,
      contexts: [
        { session: rehomed, paths },
        { session: quiet, paths: [] },
      ],
    };
  }
  locators() {
    return {
      ...envelope,
      local: [1, 2, 3].map((n) => ({
        address: A(n),
        name: `a${n}`,
        interface: `up${n}`,
        operational: n !== 1,
        deprecated: n === 2,
        transient: n === 3,
        priority: n === 3 ? 10 : 0,
        weight: 0,
        identity: n === 2 ? null : 'hba',
      })),
      peers: [{ ulid: B(1), locators: context.peerLocators }],
    };
  }
  identity(): IdentitiesJson {
    return {
      ...envelope,
      security: 'hba',
      stateDirectory: '/var/lib/rehome',
      identities: [false, true].map((current) => ({
        kind: 'hba',
        sec: 1,
        current,
        createdAt: before(current ? 60 : 86_400),
        collisionCount: current ? 0 : 1,
        modifier: '00'.repeat(16),
        addresses: [1, 2, 3].map((n) => ({
          address: `2001:db8:a${n}::${current ? 'c' : 'd'}`,
          name: `a${n}`,
          prefix: `2001:db8:a${n}::/64`,
          interface: n === 3 ? null : `up${n}`,
          state: n === 3 ? 'absent' : current ? 'preferred' : 'deprecated',
          contexts: n,
          parameters: 'aabb',
        })),
      })),
    };
  }
  exit(): ExitJson {
    const uplink = (name: string, n: number): ExitJson['uplinks'][number] => ({
      name,
      interface: `wan${n}`,
      state: n === 0 ? 'up' : 'next-hop-silent',
      since: before(n === 0 ? 3_600 : 12),
      nextHop: `fe80::${n + 1}`,
      learned: n === 0,
      prefixes: [`2001:db8:${name.slice(-1)}::/48`],
      sentPackets: 1_000 - n,
      sentBytes: 100_000,
      receivedPackets: 900,
      receivedBytes: 90_000,
      refusedPackets: n * 7,
    });
    return {
      ...envelope,
      router: true,
      uplinks: [uplink('isp-a', 0), uplink('isp-b', 1)],
      inside: [],
      unknownSource: 'notify',
      uplinkDown: 'notify',
      unknownSourcePackets: 3,
      wrongUplinkPackets: 0,
      noticesSent: 8,
      noticesNotSent: 2,
      warnings: [],
    };
  }
  sam(): SamJson {
    const prefixes = [
      { prefix: '2001:db8:a::/48', validSeconds: 7_200, deprecated: false, hopCount: 0 },
    ];
    return {
      ...envelope,
      role: 'host',
      device: 'rehome0',
      zones: [
        {
          name: 'site',
          role: 'child',
          constant: 'fcf0::/12',
          links: [
            { name: 'eth0', local: 'fcf9::1:2f00:0:0:7777', state: 'assigned', advertising: false },
            { name: 'wlan0', local: null, state: 'down', advertising: false },
          ],
          parents: [
            { local: 'fcf9::1:2f00:0:0:5555', ours: false, prefixes },
            {
              local: 'fcf9::1:2f00:0:0:6666',
              ours: false,
              prefixes: [
                { prefix: '2001:db8:b::/56', validSeconds: 60, deprecated: true, hopCount: 1 },
              ],
            },
          ],
          children: [
            {
              local: 'fcf9::1:2f00:0:0:9999',
              interface: 'eth0',
              reachable: false,
              delegated: ['2001:db8:a:1299:9990::/76'],
            },
          ],
        },
      ],
      providers: [],
      addresses: [
        {
          address: '2001:db8:a:1297:7770::',
          delegated: '2001:db8:a:1297:7770::/76',
          local: 'fcf9::1:2f00:0:0:7777',
          zone: 'site',
          parents: ['fcf9::1:2f00:0:0:5555'],
          deprecated: false,
          provable: false,
          validSeconds: 7_200,
        },
      ],
      state: 17,
      counters: { encapsulated: 12, 'drop-source-mismatch': 3, 'drop-no-link': 0 },
    };
  }
  events(since: number) {
    return { ...envelope, missed: false, events: this.kept.filter((e) => e.seq > since) };
  }
  follow(listener: (event: EventJson) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }
  explore(peer: string): DoneJson {
    this.asked.push(`explore ${peer}`);
    return done(`exploring all paths to ${peer} (1 contexts)`);
  }
  forget(tag: string): DoneJson {
    this.asked.push(`forget ${tag}`);
    return done('forgot the context');
  }
  establish(request: { peer: string; local?: string | undefined }): DoneJson {
    this.asked.push(`establish ${request.local ?? '-'} ${request.peer}`);
    return done('establishing a context');
  }
  reload() {
    this.asked.push('reload');
    return {
      ...envelope,
      done: 'reloaded: profile',
      changed: ['profile'],
      warnings: ['careful'],
      contexts: 2,
    };
  }
}
