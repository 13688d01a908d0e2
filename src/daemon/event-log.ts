import type { EventJson } from '../control/schema.js';
import type { EngineEvent } from '../engine/types.js';
import { formatTag } from '../wire/units.js';

/** Events kept for `rehome events`: a day of trouble on a busy host, under a megabyte. */
const KEEP = 2_000;

/** What happened, numbered, the newest kept; and the newest of every context. */
export class EventLog {
  readonly #kept: EventJson[] = [];
  readonly #newest = new Map<string, EventJson>();
  readonly #followers = new Set<(event: EventJson) => void>();
  #seq = 0;

  /** @param at ISO 8601, by the wall clock. */
  add(event: EngineEvent, at: string): EventJson {
    return this.#keep({
      seq: ++this.#seq,
      at,
      name: event.name,
      tag: event.localTag === undefined ? null : formatTag(event.localTag),
      ulids: event.ulids ?? null,
      detail: { ...event.detail },
    });
  }

  /** Something that is about the host and no context. */
  note(name: string, detail: EventJson['detail'], at: string): EventJson {
    return this.#keep({
      seq: ++this.#seq,
      at,
      name,
      tag: null,
      ulids: null,
      detail: { ...detail },
    });
  }

  #keep(json: EventJson): EventJson {
    this.#kept.push(json);
    if (this.#kept.length > KEEP) this.#kept.shift();
    if (json.tag !== null) {
      if (json.name === 'removed') this.#newest.delete(json.tag);
      else this.#newest.set(json.tag, json);
    }
    for (const follower of [...this.#followers]) follower(json);
    return json;
  }

  since(seq: number): { events: EventJson[]; missed: boolean } {
    const first = this.#kept[0]?.seq ?? this.#seq + 1;
    return { events: this.#kept.filter((e) => e.seq > seq), missed: seq + 1 < first };
  }

  last(): EventJson | null {
    return this.#kept.at(-1) ?? null;
  }

  lastOf(tag: string | null): EventJson | null {
    return tag === null ? null : (this.#newest.get(tag) ?? null);
  }

  of(tag: string): EventJson[] {
    return this.#kept.filter((e) => e.tag === tag);
  }

  follow(listener: (event: EventJson) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }
}
