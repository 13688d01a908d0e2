import { notifies } from '../dataplane/activity.js';
import type { ContextHandle, DataPath, FlowSample, Liveness } from '../dataplane/datapath.js';
import type { ContextId, EngineEventName } from '../engine/types.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import type { Clock, Timer } from './clock.js';
import type { DriverIntervals } from './driver.js';

/** A context that changed nothing for so long is idle, in milliseconds, even if an answer is owed for ever. */
const BUSY_AFTER_CHANGE = 2_000;

interface Watched {
  readonly context: ContextId;
  readonly handle: ContextHandle;
  sent: number;
  received: number;
  changedAt: Millis;
  exploring: boolean;
}

export interface PollerTarget {
  observe(context: ContextId, liveness: Liveness): void;
  offerFlows(flows: readonly FlowSample[]): void;
  failed(error: unknown): void;
}

/**
 * Reads liveness and flows and passes on what changed. Two ways: a data path that notifies is read soon after it did
 * and never otherwise, so that an idle host in the simulator costs nothing; any other is polled: often while something
 * goes on, seldom otherwise, and, where it can say so, only those contexts that have news are looked at.
 */
export class LivenessPoller {
  readonly #clock: Clock;
  readonly #dataPath: DataPath;
  readonly #intervals: DriverIntervals;
  readonly #target: PollerTarget;
  readonly #notified: boolean;
  readonly #watched = new Map<ContextId, Watched>();
  readonly #byHandle = new Map<ContextHandle, Watched>();
  /** What the next busy round looks at: the busy ones, or those the data path named. */
  readonly #due = new Set<Watched>();
  readonly #timers: { busy?: Timer; idle?: Timer; flows?: Timer } = {};
  #running = false;
  #busyUntil = ms(0);
  observations = 0;

  constructor(clock: Clock, dataPath: DataPath, intervals: DriverIntervals, target: PollerTarget) {
    this.#clock = clock;
    this.#dataPath = dataPath;
    this.#intervals = intervals;
    this.#target = target;
    this.#notified = notifies(dataPath);
  }

  start(): void {
    this.#running = true;
    if (this.#notified) {
      this.notified(undefined); // what came before we listened
      for (const watched of this.#watched.values()) this.notified(watched.handle);
    } else {
      this.#arm('idle', () => (this.#dataPath.changed ? this.#scanRound() : this.#idleRound()));
      this.#arm('flows', () => this.#flowRound());
    }
  }

  stop(): void {
    this.#running = false;
    for (const name of ['busy', 'idle', 'flows'] as const) {
      this.#timers[name]?.cancel();
      delete this.#timers[name];
    }
  }

  add(context: ContextId, handle: ContextHandle): void {
    const watched: Watched = {
      context,
      handle,
      sent: 0,
      received: 0,
      changedAt: this.#clock.now(),
      exploring: false,
    };
    this.#watched.set(context, watched);
    this.#byHandle.set(handle, watched);
    if (!this.#notified) this.#soon(watched);
  }

  remove(context: ContextId, handle: ContextHandle): void {
    const watched = this.#watched.get(context);
    this.#watched.delete(context);
    this.#byHandle.delete(handle);
    if (watched !== undefined) this.#due.delete(watched);
  }

  /** The data path has news of a context, or (undefined) of unprotected flows. */
  notified(handle: ContextHandle | undefined): void {
    if (handle === undefined) {
      this.#arm('flows', () => this.#flowRound());
      return;
    }
    const watched = this.#byHandle.get(handle);
    if (watched !== undefined) this.#makeDue(watched);
  }

  /** Engine events tell which contexts explore. */
  heard(context: ContextId, name: EngineEventName): void {
    const watched = this.#watched.get(context);
    if (watched === undefined) return;
    if (name === 'exploring' || name === 'inbound-ok' || name === 'failure-suspected') {
      watched.exploring = true;
      if (!this.#notified) this.#soon(watched);
    } else if (name === 'operational') {
      watched.exploring = false;
    }
  }

  #soon(watched: Watched): void {
    this.#busyUntil = addMs(this.#clock.now(), BUSY_AFTER_CHANGE);
    if (this.#dataPath.changed) this.#arm('busy', () => this.#scanRound());
    else this.#makeDue(watched);
  }

  /** Everything that has news, in one look; soon again while there was any lately. */
  #scanRound(): void {
    let handles: readonly ContextHandle[] = [];
    try {
      handles = this.#dataPath.changed?.() ?? [];
    } catch (error) {
      this.#target.failed(error);
    }
    for (const handle of handles) {
      const watched = this.#byHandle.get(handle);
      if (watched !== undefined) this.#look(watched);
    }
    const now = this.#clock.now();
    if (handles.length > 0) this.#busyUntil = addMs(now, BUSY_AFTER_CHANGE);
    if (now < this.#busyUntil) this.#arm('busy', () => this.#scanRound());
    else this.#arm('idle', () => this.#scanRound());
  }

  #makeDue(watched: Watched): void {
    this.#due.add(watched);
    this.#arm('busy', () => this.#busyRound());
  }

  #busyRound(): void {
    const round = [...this.#due];
    this.#due.clear();
    for (const watched of round) {
      this.#look(watched);
      if (!this.#notified && this.#isBusy(watched)) this.#due.add(watched);
    }
    if (this.#due.size > 0) this.#arm('busy', () => this.#busyRound());
  }

  #idleRound(): void {
    for (const watched of this.#watched.values()) {
      if (this.#due.has(watched)) continue;
      this.#look(watched);
      if (this.#isBusy(watched)) this.#makeDue(watched);
    }
    this.#arm('idle', () => this.#idleRound());
  }

  #flowRound(): void {
    try {
      const flows = this.#dataPath.flows();
      if (flows.length > 0) this.#target.offerFlows(flows);
    } catch (error) {
      this.#target.failed(error);
    }
    if (!this.#notified) this.#arm('flows', () => this.#flowRound());
  }

  #isBusy(watched: Watched): boolean {
    return watched.exploring || this.#clock.now() - watched.changedAt < BUSY_AFTER_CHANGE;
  }

  #look(watched: Watched): void {
    if (this.#watched.get(watched.context) !== watched) return; // removed by an earlier observation of this round
    let liveness: Liveness;
    try {
      liveness = this.#dataPath.liveness(watched.handle);
    } catch (error) {
      this.#target.failed(error);
      return;
    }
    if (liveness.sentPackets === watched.sent && liveness.receivedPackets === watched.received) {
      return;
    }
    watched.sent = liveness.sentPackets;
    watched.received = liveness.receivedPackets;
    watched.changedAt = this.#clock.now();
    this.observations++;
    this.#target.observe(watched.context, liveness);
  }

  #arm(name: 'busy' | 'idle' | 'flows', round: () => void): void {
    if (!this.#running || this.#timers[name] !== undefined) return;
    this.#timers[name] = this.#clock.at(addMs(this.#clock.now(), this.#intervals[name]), () => {
      delete this.#timers[name];
      round();
    });
  }
}
