import { describe, expect, it } from 'vitest';
import { HostDriver, type DriverOptions } from '../../src/daemon/driver.js';
import type {
  ContextBinding,
  ContextHandle,
  DataPath,
  DataPathEvent,
  Liveness,
} from '../../src/dataplane/datapath.js';
import type {
  ContextId,
  Effect,
  EngineEvent,
  FlowObservation,
  HostEngineApi,
  LivenessSample,
} from '../../src/engine/types.js';
import { VirtualClock } from '../../src/sim/clock.js';
import { parseAddress } from '../../src/wire/address.js';
import { contextTag, ms, type Millis } from '../../src/wire/units.js';

const context = (id: number): ContextId => id as ContextId;
const A = parseAddress('2001:db8:a::1');
const B = parseAddress('2001:db8:b::1');
const binding = (tag: number): ContextBinding => ({
  ulids: { local: A, peer: B },
  pair: { local: A, peer: B },
  forkedInstanceIdentifier: 0,
  localTag: contextTag(tag),
  peerTag: contextTag(tag + 1),
  peerLocators: [B],
});
const send = (octet: number): Effect => ({ kind: 'send', packet: Uint8Array.of(octet) });
const event = (name: EngineEvent['name'], id = 1): Effect => ({
  kind: 'event',
  event: { at: ms(0), name, context: context(id) },
});
const SILENT: Liveness = {
  sentPackets: 0,
  sentBytes: 0,
  receivedPackets: 0,
  receivedBytes: 0,
  lastSent: undefined,
  lastReceived: undefined,
  unansweredSince: undefined,
  owedSince: undefined,
};

/** A data path that writes down what it is told, and fails where it is told to. */
class Recorder implements DataPath {
  readonly name = 'kernel';
  readonly log: string[] = [];
  readonly livenessOf = new Map<number, Liveness>();
  failOn: string | undefined;
  refuse = false;
  reads = 0;
  listener: (event: DataPathEvent) => void = () => undefined;
  whenSent: (() => void) | undefined;
  #next = 100;

  #note(what: string): void {
    if (this.failOn === what.split(' ')[0]) throw new Error(`cannot ${what}`);
    this.log.push(what);
  }
  install(b: ContextBinding): ContextHandle {
    this.#note(`install ${b.localTag}`);
    return this.#next++ as ContextHandle;
  }
  update(handle: ContextHandle, b: ContextBinding): void {
    this.#note(`update ${handle} ${b.localTag}`);
  }
  remove(handle: ContextHandle): void {
    this.#note(`remove ${handle}`);
  }
  send(packet: Uint8Array): boolean {
    this.#note(`send ${packet[0]}`);
    this.whenSent?.();
    return !this.refuse;
  }
  liveness(handle: ContextHandle): Liveness {
    this.reads++;
    return this.livenessOf.get(handle) ?? SILENT;
  }
  flows(): FlowObservation[] {
    return [];
  }
  counters(): Record<string, number> {
    return {};
  }
  onEvent(listener: (event: DataPathEvent) => void): void {
    this.listener = listener;
  }
  close(): void {}
}

/** An engine that answers what a test wants. */
function fakeEngine() {
  const state = {
    deadline: undefined as Millis | undefined,
    ticks: [] as Millis[],
    observed: [] as { context: ContextId; liveness: LivenessSample; now: Millis }[],
    onReceive: (_packet: Uint8Array): Effect[] => [],
    onTick: (): Effect[] => [],
  };
  const none = (): Effect[] => [];
  const engine: HostEngineApi = {
    receive: (packet) => state.onReceive(packet),
    icmp: none,
    setLocalLocators: none,
    observe: (id, liveness, now) => {
      state.observed.push({ context: id, liveness, now });
      return [];
    },
    offerFlows: none,
    establish: none,
    explore: none,
    forget: none,
    configure: none,
    inUse: none,
    invalidateUlid: none,
    tick: (now) => {
      state.ticks.push(now);
      return state.onTick();
    },
    nextDeadline: () => state.deadline,
    contexts: () => [],
    localLocators: () => [],
    refusals: () => [],
    counters: () => ({}),
  };
  return { engine, state };
}

function setUp(more: Partial<DriverOptions> = {}) {
  const clock = new VirtualClock();
  const dataPath = new Recorder();
  const { engine, state } = fakeEngine();
  const errors: string[] = [];
  const heard: string[] = [];
  const driver = new HostDriver({
    engine,
    dataPath,
    clock,
    onEvent: (e) => void heard.push(e.name),
    onError: (error, during) => void errors.push(`${during}: ${(error as Error).message}`),
    ...more,
  });
  driver.start();
  const effects = (...list: Effect[]): void => {
    state.onReceive = () => list;
    dataPath.listener({ kind: 'shim6', packet: new Uint8Array() });
    state.onReceive = () => [];
  };
  return { clock, dataPath, state, driver, errors, heard, effects };
}

describe('HostDriver carries out effects', () => {
  it('in their order, contexts by the handles the data path gave', () => {
    const { dataPath, effects, driver, heard } = setUp();
    effects(
      send(1),
      { kind: 'install', context: context(7), binding: binding(10) },
      send(2),
      { kind: 'update', context: context(7), binding: binding(20) },
      event('established', 7),
      { kind: 'remove', context: context(7) },
      send(3),
    );
    expect(dataPath.log).toEqual([
      'send 1',
      'install 10',
      'send 2',
      'update 100 20',
      'remove 100',
      'send 3',
    ]);
    expect(heard).toEqual(['established']);
    expect(driver.handleOf(context(7))).toBeUndefined();
  });

  it('also those that come while it is at it, after the ones before them', () => {
    const { dataPath, effects, state } = setUp();
    dataPath.whenSent = () => {
      dataPath.whenSent = undefined;
      state.onReceive = () => [send(9)];
      dataPath.listener({ kind: 'shim6', packet: new Uint8Array() });
    };
    effects(send(1), send(2));
    expect(dataPath.log).toEqual(['send 1', 'send 2', 'send 9']);
  });

  it('goes on after one that failed, and reports it', () => {
    const { dataPath, effects, errors, driver } = setUp();
    dataPath.failOn = 'install';
    effects({ kind: 'install', context: context(1), binding: binding(10) }, send(1));
    expect(errors).toEqual(['install: cannot install 10']);
    expect(dataPath.log).toEqual(['send 1']);
    dataPath.failOn = undefined;
    effects({ kind: 'update', context: context(1), binding: binding(10) });
    expect(dataPath.log).toEqual(['send 1', 'install 10']);
    expect(driver.counters()['driver-error']).toBe(1);
  });

  it('survives an engine and a listener that throw', () => {
    const { dataPath, state, errors } = setUp({
      onEvent: () => {
        throw new Error('listener');
      },
    });
    state.onReceive = () => {
      throw new Error('engine');
    };
    dataPath.listener({ kind: 'shim6', packet: new Uint8Array() });
    state.onReceive = () => [event('established'), send(4)];
    dataPath.listener({ kind: 'shim6', packet: new Uint8Array() });
    expect(errors).toEqual(['shim6: engine', 'event: listener']);
    expect(dataPath.log).toEqual(['send 4']);
  });

  it('counts what the data path refuses to send', () => {
    const { dataPath, effects, driver } = setUp();
    dataPath.refuse = true;
    effects(send(1));
    expect(driver.counters()['send-refused']).toBe(1);
  });

  it('keeps the newest events', () => {
    const { effects, driver } = setUp({ eventsKept: 2 });
    effects(event('establishing'), event('established'), event('removed'));
    expect(driver.events().map((e) => e.name)).toEqual(['established', 'removed']);
  });
});

describe('HostDriver and time', () => {
  it('wakes the engine when it wants, and not before', () => {
    const { clock, state, effects } = setUp();
    state.onTick = () => {
      state.deadline = undefined;
      return [];
    };
    state.deadline = ms(500);
    effects();
    clock.run(499);
    expect(state.ticks).toEqual([]);
    clock.run(1);
    expect(state.ticks).toEqual([500]);
  });

  it('follows a deadline that moves closer or away', () => {
    const { clock, state, effects } = setUp();
    state.onTick = () => {
      state.deadline = undefined;
      return [];
    };
    state.deadline = ms(500);
    effects();
    state.deadline = ms(200);
    effects();
    state.deadline = ms(900);
    effects();
    clock.run(2_000);
    expect(state.ticks).toEqual([900]);
  });

  it('does not spin over a deadline that a tick leaves behind', () => {
    const { clock, state, effects, driver } = setUp();
    state.deadline = ms(100);
    effects();
    clock.run(110);
    expect(state.ticks.length).toBeLessThanOrEqual(11);
    expect(driver.counters()['late-deadline']).toBeGreaterThan(0);
  });

  it('does nothing more once stopped', () => {
    const { clock, state, dataPath, driver, effects } = setUp();
    effects({ kind: 'install', context: context(1), binding: binding(10) });
    state.deadline = ms(100);
    effects();
    driver.stop();
    const reads = dataPath.reads;
    clock.run(10_000);
    dataPath.listener({ kind: 'shim6', packet: new Uint8Array() });
    expect([state.ticks.length, dataPath.reads - reads, clock.pending]).toEqual([0, 0, 0]);
  });
});

describe('HostDriver polls a data path that does not notify', () => {
  const busy: Liveness = { ...SILENT, sentPackets: 1, lastSent: ms(5), unansweredSince: ms(5) };

  it('hands on what changed, once, with the time the data path saw', () => {
    const { clock, dataPath, state, effects } = setUp();
    effects({ kind: 'install', context: context(1), binding: binding(10) });
    clock.run(5_000);
    expect(state.observed).toEqual([]);
    dataPath.livenessOf.set(100, busy);
    clock.run(200);
    clock.run(1_000);
    expect(state.observed).toHaveLength(1);
    expect(state.observed[0]?.liveness.unansweredSince).toBe(5);
  });

  it('notices within a busy interval while something goes on, an idle one otherwise', () => {
    const { clock, dataPath, state, effects } = setUp();
    effects({ kind: 'install', context: context(1), binding: binding(10) });
    clock.run(10_000);
    dataPath.livenessOf.set(100, busy);
    clock.run(200);
    dataPath.livenessOf.set(100, { ...busy, sentPackets: 2 });
    const at = clock.now();
    clock.run(1_000);
    expect(state.observed).toHaveLength(2);
    expect((state.observed[1]?.now ?? Infinity) - at).toBeLessThanOrEqual(20);
  });

  it('looks often at a context that explores', () => {
    const { clock, dataPath, effects } = setUp();
    effects({ kind: 'install', context: context(1), binding: binding(10) });
    clock.run(10_000);
    effects(event('exploring'));
    const before = dataPath.reads;
    clock.run(1_000);
    expect(dataPath.reads - before).toBeGreaterThanOrEqual(45);
    effects(event('operational'));
    clock.run(3_000);
    const after = dataPath.reads;
    clock.run(1_000);
    expect(dataPath.reads - after).toBeLessThanOrEqual(6);
  });

  it('reads a thousand idle contexts five times a second, and no more', () => {
    const { clock, dataPath, effects, state } = setUp();
    const installs = Array.from({ length: 1_000 }, (_, i): Effect => ({
      kind: 'install',
      context: context(i + 1),
      binding: binding(2 * i),
    }));
    effects(...installs);
    clock.run(10_000);
    const before = dataPath.reads;
    clock.run(10_000);
    expect(dataPath.reads - before).toBeLessThanOrEqual(50 * 1_000);
    expect(state.observed).toEqual([]);
  });
});
