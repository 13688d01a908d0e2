import { notifies } from '../dataplane/activity.js';
import type { ContextHandle, DataPath, DataPathEvent } from '../dataplane/datapath.js';
import type {
  Binding,
  ContextId,
  Effect,
  EngineConfig,
  EngineEvent,
  HostEngineApi,
  LocalLocator,
} from '../engine/types.js';
import type { Address, LocatorPair } from '../wire/address.js';
import { addMs, type ContextTag, type Millis } from '../wire/units.js';
import type { Clock, Timer } from './clock.js';
import { LivenessPoller } from './liveness-poller.js';

export interface DriverIntervals {
  /** How often a context with something going on is looked at, in milliseconds; also the coalescing of notifications. */
  readonly busy: number;
  /** How often any other context is looked at; unused with a data path that notifies. */
  readonly idle: number;
  readonly flows: number;
}
export const DRIVER_INTERVALS: DriverIntervals = { busy: 20, idle: 200, flows: 250 };

export interface DriverOptions {
  readonly engine: HostEngineApi;
  readonly dataPath: DataPath;
  readonly clock: Clock;
  /** Every engine event, as it happens. */
  readonly onEvent?: (event: EngineEvent) => void;
  /** What must not happen, and what the driver was doing; the driver goes on with the next thing. */
  readonly onError: (error: unknown, during: string) => void;
  readonly intervals?: Partial<DriverIntervals>;
  /** Past events kept for `events()`. Default 1024. */
  readonly eventsKept?: number;
}

/**
 * Connects an engine with a data path and a clock: carries out effects in order, hands events, liveness and flows to
 * the engine, and wakes it when it wants to be woken. One per host, in the daemon and in the simulator alike. The data
 * path stays its owner's: `stop` does not close it.
 *
 * Reading liveness late never falsifies a send timer, because `Liveness.unansweredSince` says when the silence began:
 * it delays the verdict by one interval at most.
 */
export class HostDriver {
  readonly #engine: HostEngineApi;
  readonly #dataPath: DataPath;
  readonly #clock: Clock;
  readonly #options: DriverOptions;
  readonly #poller: LivenessPoller;
  readonly #handles = new Map<ContextId, ContextHandle>();
  readonly #queue: Effect[] = [];
  readonly #events: EngineEvent[] = [];
  readonly #counters = new Map<string, number>();
  #draining = false;
  #tick: { at: Millis; timer: Timer } | undefined;
  #running = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#dataPath = options.dataPath;
    this.#clock = options.clock;
    const intervals = { ...DRIVER_INTERVALS, ...options.intervals };
    this.#poller = new LivenessPoller(options.clock, options.dataPath, intervals, {
      observe: (context, liveness) =>
        this.#guard('observe', () => this.#engine.observe(context, liveness, this.#clock.now())),
      offerFlows: (flows) =>
        this.#guard('offerFlows', () => this.#engine.offerFlows(flows, this.#clock.now())),
      failed: (error) => this.#failed(error, 'polling the data path'),
    });
  }

  /** Starts to listen and to poll. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#dataPath.onEvent((event) => this.#receive(event));
    if (notifies(this.#dataPath)) {
      this.#dataPath.onActivity((handle) => this.#poller.notified(handle));
    }
    this.#poller.start();
    this.#schedule();
  }

  /** No timer and no listener stays behind. Contexts stay installed. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#dataPath.onEvent(() => undefined);
    if (notifies(this.#dataPath)) this.#dataPath.onActivity(() => undefined);
    this.#poller.stop();
    this.#disarm();
  }

  setLocalLocators(locators: readonly LocalLocator[]): void {
    this.#perform(this.#engine.setLocalLocators(locators, this.#clock.now()));
  }

  /** @throws RehomeError REHOME_E_NO_LOCATOR, REHOME_E_PEER, REHOME_E_LIMIT */
  establish(ulids: LocatorPair, forkedInstanceIdentifier?: number): void {
    this.#perform(this.#engine.establish(ulids, this.#clock.now(), forkedInstanceIdentifier));
  }

  explore(peer: Address): void {
    this.#perform(this.#engine.explore(peer, this.#clock.now()));
  }

  /** @throws RehomeError REHOME_E_NO_CONTEXT */
  forget(localTag: ContextTag): void {
    this.#perform(this.#engine.forget(localTag, this.#clock.now()));
  }

  /** These ULID pairs have connected sockets (RFC 5533 §9). */
  inUse(pairs: readonly LocatorPair[]): void {
    this.#perform(this.#engine.inUse(pairs, this.#clock.now()));
  }

  /** RFC 5533 §1.5: a ULID of ours is no longer ours. */
  invalidateUlid(ulid: Address): void {
    this.#perform(this.#engine.invalidateUlid(ulid, this.#clock.now()));
  }

  configure(config: EngineConfig): void {
    this.#perform(this.#engine.configure(config, this.#clock.now()));
  }

  /** The newest events, oldest first. */
  events(): readonly EngineEvent[] {
    return [...this.#events];
  }

  /** The data path's name for an installed context. */
  handleOf(context: ContextId): ContextHandle | undefined {
    return this.#handles.get(context);
  }

  /** The driver's own: `driver-error`, `send-refused`, `late-deadline`, `observations`. */
  counters(): Readonly<Record<string, number>> {
    return { observations: this.#poller.observations, ...Object.fromEntries(this.#counters) };
  }

  #receive(event: DataPathEvent): void {
    const now = this.#clock.now();
    this.#guard(event.kind, () =>
      event.kind === 'shim6'
        ? this.#engine.receive(event.packet, now)
        : this.#engine.icmp(event.packet, now),
    );
  }

  /** An engine call from outside any caller: an exception is reported, not thrown. */
  #guard(during: string, call: () => readonly Effect[]): void {
    if (!this.#running) return;
    let effects: readonly Effect[];
    try {
      effects = call();
    } catch (error) {
      this.#failed(error, during);
      return;
    }
    this.#perform(effects);
  }

  /** Effects that come while others are being carried out wait for their turn: order is kept. */
  #perform(effects: readonly Effect[]): void {
    this.#queue.push(...effects);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#carryOut(next);
      }
    } finally {
      this.#draining = false;
    }
    this.#schedule();
  }

  #carryOut(effect: Effect): void {
    try {
      switch (effect.kind) {
        case 'send':
          if (!this.#dataPath.send(effect.packet)) this.#count('send-refused');
          return;
        case 'install':
        case 'update':
          return this.#bind(effect.context, effect.binding);
        case 'remove':
          return this.#unbind(effect.context);
        case 'event':
          return this.#publish(effect.event);
      }
    } catch (error) {
      this.#failed(error, effect.kind);
    }
  }

  /** An update of a context whose installation failed installs it. */
  #bind(context: ContextId, binding: Binding): void {
    const known = this.#handles.get(context);
    if (known !== undefined) return this.#dataPath.update(known, binding);
    const handle = this.#dataPath.install(binding);
    this.#handles.set(context, handle);
    this.#poller.add(context, handle);
  }

  #unbind(context: ContextId): void {
    const handle = this.#handles.get(context);
    if (handle === undefined) return;
    this.#handles.delete(context);
    this.#poller.remove(context, handle);
    this.#dataPath.remove(handle);
  }

  #publish(event: EngineEvent): void {
    this.#events.push(event);
    const surplus = this.#events.length - (this.#options.eventsKept ?? 1024);
    if (surplus > 0) this.#events.splice(0, surplus);
    if (event.context !== undefined) this.#poller.heard(event.context, event.name);
    this.#options.onEvent?.(event);
  }

  /**
   * Wakes the engine at its next deadline. Deadlines move away with every packet, so an armed timer that is early is
   * kept: waking for nothing now and then is cheaper than a new timer each time.
   */
  #schedule(): void {
    if (!this.#running) return;
    const wanted = this.#engine.nextDeadline();
    if (wanted === undefined) return this.#disarm();
    if (this.#tick !== undefined && this.#tick.at <= wanted) return;
    this.#arm(wanted);
  }

  #arm(at: Millis): void {
    this.#disarm();
    this.#tick = { at, timer: this.#clock.at(at, () => this.#wake()) };
  }

  #wake(): void {
    this.#tick = undefined;
    const now = this.#clock.now();
    const due = this.#engine.nextDeadline();
    if (due === undefined || due > now) return this.#schedule();
    this.#guard('tick', () => this.#engine.tick(now));
    // A deadline that a tick leaves behind would be a busy loop: come back a millisecond later instead.
    const left = this.#engine.nextDeadline();
    if (!this.#running || left === undefined || left > now) return;
    this.#count('late-deadline');
    this.#arm(addMs(now, 1));
  }

  #disarm(): void {
    this.#tick?.timer.cancel();
    this.#tick = undefined;
  }

  #failed(error: unknown, during: string): void {
    this.#count('driver-error');
    this.#options.onError(error, during);
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}
