import type { EngineEvent } from '../../engine/types.js';
import type { Address } from '../../wire/address.js';
import type { Millis } from '../../wire/units.js';
import type { SimHost } from '../host.js';

/**
 * When each context stops to send over locators behind a dead link: whether it explored, or was told. A context that
 * returns to one is not back.
 */
export class OffDead {
  readonly #dead: ReadonlySet<string>;
  readonly #cutAt: Millis;
  readonly #on = new Set<string>();
  readonly #back = new Map<string, Millis>();

  constructor(hosts: readonly SimHost[], dead: readonly (Address | undefined)[], cutAt: Millis) {
    this.#dead = new Set(dead.flatMap((address) => address ?? []));
    this.#cutAt = cutAt;
    for (const host of hosts) {
      for (const { id, pair } of host.engine?.contexts() ?? []) {
        if (this.#isDead(pair.local, pair.peer)) this.#on.add(`${host.name} ${id}`);
      }
    }
  }

  /** Contexts that still send over a dead link. */
  get left(): number {
    return this.#on.size;
  }

  heard(host: SimHost, { name, context, detail, at }: EngineEvent): void {
    if (context === undefined) return;
    const key = `${host.name} ${context}`;
    if (name === 'removed') this.#on.delete(key);
    if (name !== 'path-changed') return;
    if (this.#isDead(...String(detail?.['to']).split(' '))) {
      this.#on.add(key);
    } else if (this.#on.delete(key)) {
      this.#back.set(key, at);
    }
  }

  /** Milliseconds from the cut, of each context that is back. */
  after(): number[] {
    return [...this.#back.values()].map((at) => at - this.#cutAt);
  }

  #isDead(...addresses: string[]): boolean {
    return addresses.some((address) => this.#dead.has(address));
  }
}
