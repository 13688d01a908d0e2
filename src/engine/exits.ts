import { addMs, type Millis } from '../wire/units.js';

/** From the verdict to the first question whether an exit works again, milliseconds; then ever slower. */
const CHECK = { first: 1_000, longest: 30_000 } as const;

interface Dead {
  readonly since: Millis;
  interval: number;
  checkAt: Millis;
}

/** Our exits that were found dead, and when each is asked again. */
export class Exits {
  readonly #dead = new Map<string, Dead>();

  isDead(exit: string): boolean {
    return this.#dead.has(exit);
  }

  get nextCheck(): Millis | undefined {
    let next: Millis | undefined;
    for (const { checkAt } of this.#dead.values()) {
      if (next === undefined || checkAt < next) next = checkAt;
    }
    return next;
  }

  condemn(exit: string, now: Millis): void {
    this.#dead.set(exit, { since: now, interval: CHECK.first, checkAt: addMs(now, CHECK.first) });
  }

  /** What was sent over it at `sentAt` was answered. True: that is news, for it was later than the verdict. */
  revived(exit: string, sentAt: Millis): boolean {
    const dead = this.#dead.get(exit);
    return dead !== undefined && sentAt > dead.since && this.#dead.delete(exit);
  }

  /** Forgets all verdicts. True: there were any. */
  forgive(): boolean {
    const any = this.#dead.size > 0;
    this.#dead.clear();
    return any;
  }

  /** One whose turn it is, and its next turn is later. */
  takeDue(now: Millis): string | undefined {
    for (const [exit, dead] of this.#dead) {
      if (dead.checkAt > now) continue;
      dead.interval = Math.min(CHECK.longest, dead.interval * 2);
      dead.checkAt = addMs(now, dead.interval);
      return exit;
    }
    return undefined;
  }
}
