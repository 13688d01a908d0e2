import type { Context } from '../shim6/context.js';
import type { Millis } from '../wire/units.js';
import type { ContextId, Effect, EngineEvent, EngineEventName } from './types.js';

/** What one engine has to say: the effects of the call under way, in order, and its counters. */
export class Output {
  readonly counts = new Map<string, number>();
  #now: Millis;
  #effects: Effect[] = [];

  constructor(now: Millis) {
    this.#now = now;
  }

  /** Of the call under way. */
  get now(): Millis {
    return this.#now;
  }

  /** Collects what `work` wants done. */
  run(now: Millis, work: () => void): Effect[] {
    this.#now = now;
    this.#effects = [];
    work();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  push(effect: Effect): void {
    this.#effects.push(effect);
  }

  count(name: string, by = 1): void {
    if (by > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  event(
    name: EngineEventName,
    context: Context | undefined,
    detail: NonNullable<EngineEvent['detail']>,
  ): void {
    const about = context && {
      context: context.id as ContextId,
      ulids: context.ulids,
      localTag: context.localTag,
    };
    this.push({ kind: 'event', event: { at: this.#now, name, ...about, detail } });
  }
}
