import { ResponseTimes } from '../reap/response-times.js';
import { addMs, ms, type Millis } from '../wire/units.js';
import type { LivenessSample } from './types.js';

/** All in milliseconds. */
export const VIGIL = {
  /** No silence shorter than this is suspicious: queues and schedulers are never more regular. */
  floor: 60,
  /** How much later than it happens the data path may be looked at. */
  look: 20,
  /** Suspicious where answers have not been measured yet, or three round trips if that is more. */
  first: 250,
  /** Suspicious whatever was measured: two ends that send by the clock need not answer each other. */
  longest: 2_000,
  /** Questions before the silence of a pair is believed. */
  questions: 3,
  /** After a move: the peer may have to move, too, before it is heard again. */
  settle: 400,
  /** So long after an answer over it a pair needs no question. */
  fresh: 2_000,
  /** Room for the peer's own delay in answering. */
  patience: 20,
  /** Who is silent alone is waited for as long as TCP does at least (Linux: RTO 200 ms): a queue may have filled. */
  alone: 200,
  /** A timer that fires so much too late says that we are slow, and nothing of the path. */
  late: 50,
  /** How long the others wait for those that ask. */
  follow: 400,
  /** How long one that asked in vain waits for the others that ask. */
  open: 200,
} as const;

const SPACING = { min: 40, max: 80 } as const;
/** Each false suspicion doubles the time to the next, up to this factor. */
const DOUBTS = 16;

/** A suspicion that is being looked into. */
export interface Inquiry {
  /** Questions asked so far. */
  asked: number;
  lastAsked: Millis;
  /** When the next question is asked, or the silence believed. */
  next: Millis;
  /** Somebody else has doubts: only an answer ends it, whatever else is heard. */
  hinted: boolean;
  /** One question is enough, for many are silent: unless it turns out to be alone. */
  brief: boolean;
  /** One more round, because we were slow. */
  repeated: boolean;
  /** It has asked in vain, and waits for the others that ask. */
  waitsFor: 'answer' | 'others' | 'leaders';
}

/** How many are asked in an inquiry before its silence is believed. */
export const questions = ({ brief }: Inquiry): number => (brief ? 1 : VIGIL.questions);

/** What one context has to notice a failure by: how long answers usually take, and how long this one has taken. */
export class Vigil {
  /** From the first unanswered packet to the next packet that comes. */
  readonly answers = new ResponseTimes();
  /** From a ping over the current pair to its answer. */
  readonly pings = new ResponseTimes();
  /** The peer has answered a ping: only then is it evidence when it does not. */
  answersPings = false;
  inquiry: Inquiry | undefined;
  /** When the next pair is measured; undefined: nothing to measure, or nobody uses the context. */
  measureAt: Millis | undefined;
  #waitingSince: Millis | undefined;
  #heardAt: Millis;
  #usedAt: Millis;
  #doubts = 1;
  #notBefore: Millis | undefined;
  #pingedAt: Millis | undefined;

  constructor(now: Millis) {
    this.#heardAt = now;
    this.#usedAt = now;
  }

  get usedAt(): Millis {
    return this.#usedAt;
  }

  /** What the data path has counted since the last look; `received` of it is news. */
  observed(l: LivenessSample, received: boolean, now: Millis): void {
    this.#usedAt = now;
    if (received) {
      const at = l.lastReceived ?? now;
      const since = this.#waitingSince;
      if (since !== undefined && at >= since && this.inquiry === undefined) {
        this.answers.add(at - since);
        this.#doubts = Math.max(1, this.#doubts * 0.9);
      }
      this.heard(at);
    }
    this.#waitingSince = this.#unanswered(l);
  }

  /** Anything of the peer arrived. */
  heard(at: Millis): void {
    this.#heardAt = ms(Math.max(this.#heardAt, at));
    this.#waitingSince = undefined;
  }

  /** A ping over the current pair was answered after `rtt` milliseconds. */
  pinged(rtt: number, now: Millis): void {
    this.pings.add(rtt);
    this.#pingedAt = now;
  }

  /** One was answered just now: asking again would tell nothing. */
  isFresh(now: Millis): boolean {
    return this.#pingedAt !== undefined && now < addMs(this.#pingedAt, VIGIL.fresh);
  }

  /** The suspicion was false. */
  doubted(): void {
    this.#doubts = Math.min(DOUBTS, this.#doubts * 2);
  }

  /** The pair is another one now: what was waited for was lost with the old one. */
  moved(now: Millis): void {
    this.#notBefore = addMs(now, VIGIL.settle);
    this.#waitingSince = undefined;
    this.inquiry = undefined;
    this.#pingedAt = undefined;
  }

  /** When the silence becomes suspicious; undefined: nothing is waited for, or pings would tell nothing. */
  suspiciousAt(): Millis | undefined {
    if (this.#waitingSince === undefined || !this.answersPings) return undefined;
    const first = Math.max(VIGIL.first, 3 * (this.pings.mean ?? 0));
    const usual = (this.answers.unusual ?? first) + VIGIL.look;
    const limit = Math.min(VIGIL.longest, Math.max(VIGIL.floor, usual) * this.#doubts);
    return ms(Math.max(this.#notBefore ?? 0, this.#waitingSince + limit));
  }

  /** Between two questions. */
  get spacing(): number {
    return Math.min(SPACING.max, Math.max(SPACING.min, (this.pings.mean ?? 0) / 4));
  }

  /** From the last question to believing the silence, milliseconds; `brief`: others are silent too. */
  verdict(brief: boolean): number {
    const usual = 1.25 * (this.pings.unusual ?? VIGIL.first) + VIGIL.patience;
    return brief ? usual : Math.max(VIGIL.alone, usual);
  }

  deadline(): Millis | undefined {
    const wait = this.inquiry === undefined ? this.suspiciousAt() : this.inquiry.next;
    if (wait === undefined) return this.measureAt;
    return this.measureAt === undefined ? wait : ms(Math.min(wait, this.measureAt));
  }

  /** A Keepalive may have come since the data path's own silence began. */
  #unanswered(l: LivenessSample): Millis | undefined {
    const since = l.unansweredSince;
    if (since === undefined || since > this.#heardAt) return since;
    if (l.lastSent === undefined || l.lastSent <= this.#heardAt) return undefined;
    return this.#waitingSince ?? l.lastSent;
  }
}
