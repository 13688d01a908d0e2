import { addMs, type Millis } from '../wire/units.js';

/** For how long activity counts, in milliseconds; half of it at least. */
const WINDOW = 5_000;

/** A silence of all is noticed after so many packets should have come ... */
const QUIET = 6;
/** ... but not before, nor after so many milliseconds: what is slower, each context notices by itself. */
const SOONEST = 80;
const LATEST = 1_500;
/** Each false alarm doubles the wait for the next, up to this factor; each window without one takes a quarter off. */
const DOUBTS = 16;

interface Suspect {
  /** It asks, for itself and the others of its group. */
  asking: boolean;
  failed: boolean;
  /** Since when nobody has been heard, as a number: what was silent before that says nothing of now. */
  silence: number;
}

interface Member {
  readonly part: string;
  /** The window in which it was last heard. */
  window: number;
}

/**
 * Contexts that share something that may fail. `part`: what tells its members apart, a site or a peer.
 *
 * Everything that is heard begins a new silence, and evidence counts within one silence only. So a context whose peer
 * died an hour ago is no evidence against the exit it shares with others.
 */
export class FateGroup {
  readonly key: string;
  readonly #members = new Map<number, Member>();
  readonly #suspects = new Map<number, Suspect>();
  /** Suspects of each part, whenever they fell silent. */
  readonly #troubled = new Map<string, number>();
  #asking = 0;
  #silence = 0;
  #heardAt: Millis;
  /** Of this silence: suspects of each part, and those that asked in vain. */
  readonly #parts = new Map<string, number>();
  readonly #failed = new Map<string, number>();
  #window = 0;
  /** Members and packets heard in the window before and in this one. */
  #active: [number, number] = [0, 0];
  #packets: [number, number] = [0, 0];
  readonly #begun: Millis;
  #alarmed = false;
  #doubts = 1;

  constructor(key: string, now: Millis) {
    this.key = key;
    this.#heardAt = now;
    this.#begun = now;
  }

  get size(): number {
    return this.#members.size;
  }
  get asking(): number {
    return this.#asking;
  }

  members(): Iterable<number> {
    return this.#members.keys();
  }

  add(id: number, part: string): void {
    this.#members.set(id, { part, window: -1 });
  }

  delete(id: number): void {
    this.clear(id);
    this.#members.delete(id);
  }

  /** Something came for it: an answer, whatever it is. */
  heard(id: number, packets: number, now: Millis): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.clear(id);
    this.#turn(now);
    this.#heardAt = now;
    if (this.#alarmed) this.#doubts = Math.min(DOUBTS, 2 * this.#doubts);
    this.#alarmed = false;
    this.#silence++;
    this.#parts.clear();
    this.#failed.clear();
    this.#packets[1] += packets;
    if (member.window === this.#window) return;
    member.window = this.#window;
    this.#active[1]++;
  }

  /** Its answer is overdue; `asking`: it is one of those that ask. */
  suspect(id: number, asking: boolean): void {
    if (!this.#members.has(id)) return;
    this.clear(id);
    this.#suspects.set(id, { asking, failed: false, silence: this.#silence });
    if (asking) this.#asking++;
    this.#count(this.#troubled, id, 1);
    this.#count(this.#parts, id, 1);
  }

  /** A suspect that asks nothing, unless it is one already. */
  inTrouble(id: number): void {
    if (!this.#suspects.has(id)) this.suspect(id, false);
  }

  /** It asked, the last time at `askedAt`, and nobody answered. */
  fail(id: number, askedAt: Millis): void {
    const suspect = this.#suspects.get(id);
    if (suspect === undefined) return;
    if (suspect.asking) this.#asking--;
    suspect.asking = false;
    // A question asked in this silence is evidence, even if its context fell silent before.
    if (suspect.silence !== this.#silence && askedAt >= this.#heardAt) {
      suspect.silence = this.#silence;
      suspect.failed = false;
      this.#count(this.#parts, id, 1);
    }
    if (suspect.failed || suspect.silence !== this.#silence) return;
    suspect.failed = true;
    this.#count(this.#failed, id, 1);
  }

  clear(id: number): void {
    const suspect = this.#suspects.get(id);
    if (suspect === undefined) return;
    this.#suspects.delete(id);
    if (suspect.asking) this.#asking--;
    this.#count(this.#troubled, id, -1);
    if (suspect.silence !== this.#silence) return;
    if (suspect.failed) this.#count(this.#failed, id, -1);
    this.#count(this.#parts, id, -1);
  }

  isAsking(id: number): boolean {
    return this.#suspects.get(id)?.asking ?? false;
  }

  /**
   * Is what they share to blame? Yes: `enough` different parts are overdue since anybody was heard, and contexts of as
   * many asked in vain. Open: it may still turn out so, for somebody is asking.
   */
  isSilent(enough: number): 'yes' | 'no' | 'open' {
    if (this.#parts.size < enough) return 'no';
    if (this.#failed.size >= enough) return 'yes';
    return this.#asking > 0 ? 'open' : 'no';
  }

  /** When the silence of all together is worth asking about; undefined: too little is said, or it is asked already. */
  quietAt(): Millis | undefined {
    if (this.#alarmed) return undefined;
    const rate = this.#rate(this.#heardAt);
    const wait = Math.max(SOONEST, QUIET / rate) * this.#doubts;
    return wait > LATEST ? undefined : addMs(this.#heardAt, wait);
  }

  /** It is asked about now. Up to `count` members that were heard of late, all different. */
  alarm(count: number): number[] {
    this.#alarmed = true;
    const chosen = new Map<string, number>();
    for (const [id, { part, window }] of this.#members) {
      if (window < this.#window - 1 || chosen.has(part) || this.isAsking(id)) continue;
      chosen.set(part, id);
      if (chosen.size >= count) break;
    }
    return [...chosen.values()];
  }

  /** Share of the members in use that are silent, 0 to 1; 0 while a single part is, whose own trouble it may be. */
  trouble(now: Millis): number {
    if (this.#troubled.size < 2) return 0;
    this.#turn(now);
    const active = Math.max(...this.#active, this.#suspects.size);
    return active === 0 ? 0 : this.#suspects.size / active;
  }

  #count(of: Map<string, number>, id: number, by: number): void {
    const part = this.#members.get(id)?.part ?? '';
    const count = (of.get(part) ?? 0) + by;
    if (count > 0) of.set(part, count);
    else of.delete(part);
  }

  /** Packets a millisecond. */
  #rate(now: Millis): number {
    const past = now - this.#begun;
    const span = Math.min(past, WINDOW + (past % WINDOW));
    return span <= 0 ? 0 : (this.#packets[0] + this.#packets[1]) / span;
  }

  #turn(now: Millis): void {
    const window = Math.floor((now - this.#begun) / WINDOW);
    if (window === this.#window) return;
    const next = window === this.#window + 1;
    this.#active = [next ? this.#active[1] : 0, 0];
    this.#packets = [next ? this.#packets[1] : 0, 0];
    this.#doubts = Math.max(1, 0.75 * this.#doubts);
    this.#window = window;
  }
}
