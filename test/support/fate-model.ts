import { exitOf, siteOf, type Blame, type Turn } from '../../src/policy/fate.js';
import { samePair, type LocatorPair } from '../../src/wire/address.js';

interface Suspicion {
  asking: boolean;
  failed: boolean;
  silence: number;
}
interface Group {
  readonly begun: number;
  heardAt: number;
  silence: number;
  readonly parts: Map<number, string>;
  readonly suspects: Map<number, Suspicion>;
  /** Which life of a member was heard in which window. */
  readonly heard: { readonly life: number; readonly window: number }[];
  /** Questions in vain to those who deny that they hear us. */
  denials: { readonly part: string; readonly askedAt: number }[];
}

const ENOUGH = 3;
const LEADERS = 3;
const WINDOW = 5_000;

/** `Fate` without a single counter: everything is counted anew when it is asked for. */
export class FateModel {
  readonly members = new Map<number, { readonly pair: LocatorPair; readonly life: number }>();
  readonly #groups = new Map<string, Group>();
  readonly #leaders = new Set<number>();
  #lives = 0;

  place(id: number, pair: LocatorPair, now: number): void {
    const old = this.members.get(id);
    if (old && samePair(old.pair, pair)) return;
    this.remove(id);
    this.members.set(id, { pair, life: this.#lives++ });
    const { exit, site } = keys(pair);
    for (const [key, part] of [
      [exit, siteOf(pair.peer)],
      [site, pair.peer],
    ] as const) {
      const fresh = {
        begun: now,
        heardAt: now,
        silence: 0,
        parts: new Map<number, string>(),
        suspects: new Map<number, Suspicion>(),
        heard: [],
        denials: [],
      };
      const group = this.#groups.get(key) ?? fresh;
      group.parts.set(id, part);
      this.#groups.set(key, group);
    }
  }

  remove(id: number): void {
    for (const group of this.#of(id)) {
      group.parts.delete(id);
      group.suspects.delete(id);
    }
    for (const [key, group] of this.#groups) if (group.parts.size === 0) this.#groups.delete(key);
    this.members.delete(id);
    this.#leaders.delete(id);
  }

  siblings(id: number): number[] {
    const own = this.members.get(id);
    if (!own) return [];
    return [...this.members].flatMap(([other, { pair }]) =>
      other !== id && pair.peer === own.pair.peer && exitOf(pair.local) === exitOf(own.pair.local)
        ? other
        : [],
    );
  }

  heard(id: number, now: number): void {
    this.#leaders.delete(id);
    for (const group of this.#of(id)) {
      group.suspects.delete(id);
      group.silence++;
      group.heardAt = now;
      const life = this.members.get(id)?.life ?? -1;
      group.heard.push({ life, window: Math.floor((now - group.begun) / WINDOW) });
    }
  }

  calm(id: number): void {
    this.#leaders.delete(id);
    for (const group of this.#of(id)) group.suspects.delete(id);
  }

  suspect(id: number, turn: Turn): boolean {
    const [exit] = this.#of(id);
    if (!exit) return true;
    const asking = (other: number): boolean => exit.suspects.get(other)?.asking === true;
    const free = [...exit.parts.keys()].filter(asking).length < LEADERS;
    const others = this.siblings(id).some((other) => this.#leaders.has(other));
    const leads =
      turn === 'for all' || ((free || turn === 'again') && (this.#leaders.has(id) || !others));
    if (leads) this.#leaders.add(id);
    for (const g of this.#of(id)) {
      g.suspects.set(id, { asking: leads, failed: false, silence: g.silence });
    }
    return leads;
  }

  inTrouble(id: number): void {
    for (const g of this.#of(id)) {
      const fresh = { asking: false, failed: false, silence: g.silence };
      if (!g.suspects.has(id)) g.suspects.set(id, fresh);
    }
  }

  failed(id: number, askedAt: number, denied: boolean): void {
    const [, site] = this.#of(id);
    const part = site?.parts.get(id);
    if (denied && site && part !== undefined) site.denials.push({ part, askedAt });
    for (const group of this.#of(id)) {
      const suspect = group.suspects.get(id);
      if (!suspect) continue;
      suspect.asking = false;
      if (suspect.silence === group.silence || askedAt >= group.heardAt) {
        suspect.silence = group.silence;
        suspect.failed = true;
      }
    }
  }

  proved(id: number, askedAt: number): void {
    const [, site] = this.#of(id);
    if (site) site.denials = site.denials.filter((d) => d.askedAt > askedAt);
  }

  blame(id: number, now: number): Blame {
    const [exit, site] = this.#of(id);
    if (!exit || !site) return { of: 'pair' };
    if (silent(exit) === 'yes') return { of: 'exit', members: [...exit.parts.keys()] };
    const denials = site.denials.filter((d) => now <= d.askedAt + 2_000);
    const denying = new Set(denials.map((d) => d.part)).size >= ENOUGH;
    if (denying || silent(site) === 'yes') {
      const of = exit.parts.size === site.parts.size ? 'both' : 'site';
      return { of, members: [...site.parts.keys()] };
    }
    return [silent(exit), silent(site)].includes('open') ? { of: 'open' } : { of: 'pair' };
  }

  /** Of our exit, or of the peer's site. */
  trouble(pair: LocatorPair, what: 'exit' | 'site', now: number): number {
    const group = this.#groups.get(keys(pair)[what]);
    if (!group) return 0;
    const { suspects, parts, heard, begun } = group;
    if (new Set([...suspects.keys()].map((id) => parts.get(id))).size < 2) return 0;
    const window = Math.floor((now - begun) / WINDOW);
    const active = [window - 1, window].map(
      (wanted) => new Set(heard.flatMap((h) => (h.window === wanted ? h.life : []))).size,
    );
    return suspects.size / Math.max(...active, suspects.size);
  }

  #of(id: number): Group[] {
    const member = this.members.get(id);
    if (!member) return [];
    const { exit, site } = keys(member.pair);
    return [exit, site].flatMap((key) => this.#groups.get(key) ?? []);
  }
}

const keys = ({ local, peer }: LocatorPair): { readonly exit: string; readonly site: string } => ({
  exit: exitOf(local),
  site: `${exitOf(local)}>${siteOf(peer)}`,
});

function silent({ suspects, parts, silence }: Group): 'yes' | 'no' | 'open' {
  const now = [...suspects].filter(([, s]) => s.silence === silence);
  const different = (of: typeof now): number => new Set(of.map(([id]) => parts.get(id))).size;
  if (different(now) < ENOUGH) return 'no';
  if (different(now.filter(([, s]) => s.failed)) >= ENOUGH) return 'yes';
  return [...suspects.values()].some((s) => s.asking) ? 'open' : 'no';
}
