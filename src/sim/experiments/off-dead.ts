/** A context at one end, under any name that its events have too, with the pair it sends over. */
export interface Sender {
  readonly key: string;
  readonly pair: { readonly local: string; readonly peer: string };
}

/** What an engine or a daemon tells of a context. */
interface Told {
  readonly at: number;
  readonly name: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/**
 * When each context stops to send over locators behind a dead link: whether it explored, or was told. A context that
 * returns to one is not back.
 */
export class OffDead {
  readonly #dead: ReadonlySet<string>;
  readonly #cutAt: number;
  readonly #on = new Set<string>();
  readonly #back = new Map<string, number>();

  constructor(senders: Iterable<Sender>, dead: Iterable<string>, cutAt: number) {
    this.#dead = new Set(dead);
    this.#cutAt = cutAt;
    for (const { key, pair } of senders) {
      if (this.#isDead(pair.local, pair.peer)) this.#on.add(key);
    }
  }

  /** Contexts that still send over a dead link. */
  get left(): number {
    return this.#on.size;
  }

  heard(key: string, { name, detail, at }: Told): void {
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
