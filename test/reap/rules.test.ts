import { describe, expect, it } from 'vitest';
import { PAPER, REAP_PROFILES, RFC5534, RULES, type ReapRules } from '../../src/reap/constants.js';
import { Reap } from '../../src/reap/reap.js';
import { burst, shuffle, type PathStrategy } from '../../src/reap/strategy/index.js';
import { parseAddress, type LocatorPair } from '../../src/wire/address.js';
import type { Probe, ProbeReport, ProbeState } from '../../src/wire/shim6/message.js';
import { contextTag, ms } from '../../src/wire/units.js';
import { seeded } from '../support/engines.js';

const pair = (i: number, j: number): LocatorPair => ({
  local: parseAddress(`2001:db8:a${i}::1`),
  peer: parseAddress(`2001:db8:b${j}::1`),
});
const PAIRS = [1, 2, 3].flatMap((i) => [1, 2, 3].map((j) => ({ pair: pair(i, j), rank: 0 })));
const CURRENT = pair(1, 1);

/** One REAP machine without jitter, in Exploring from 0 on, and what it sent. */
class Explorer {
  readonly sent: { at: number; pair: LocatorPair; probe: Probe }[] = [];
  readonly moves: LocatorPair[] = [];
  readonly reap: Reap;
  #now = 0;

  constructor(rules: Partial<ReapRules> | undefined, strategy: PathStrategy = shuffle) {
    this.reap = new Reap({
      constants: {
        ...RFC5534,
        probeJitter: 0,
        ...(rules === undefined ? {} : { rules: { ...RULES, ...rules } }),
      },
      strategy,
      random: seeded(3),
      listener: {
        send: (to, message) => {
          if (message.message !== 'probe') throw new Error('only probes here');
          this.sent.push({ at: this.#now, pair: to, probe: message });
        },
        stateChanged: () => undefined,
        pairChanged: (_from, to) => void this.moves.push(to),
      },
      peerTag: contextTag(7),
      pair: CURRENT,
      pairs: PAIRS,
      now: ms(0),
    });
    this.reap.explore('test', ms(0));
  }

  until(t: number): this {
    for (let next = this.reap.deadline(); next !== undefined && next <= t;) {
      this.#now = next;
      this.reap.tick(next);
      next = this.reap.deadline();
    }
    this.#now = t;
    return this;
  }

  hear(state: ProbeState, received: readonly ProbeReport[] = []): this {
    const arrival = pair(2, 2);
    const own = { source: arrival.peer, destination: arrival.local, nonce: this.#now + 1, data: 0 };
    const probe: Probe = {
      message: 'probe',
      receiverContextTag: contextTag(1),
      state,
      sent: [own],
      received,
      options: [],
    };
    this.reap.probeReceived(probe, arrival, ms(this.#now));
    return this;
  }

  times(): number[] {
    return this.sent.map(({ at }) => at);
  }
  /** The report of the probe sent as number `i`, from 0. */
  report(i: number): ProbeReport {
    const report = this.sent[i]?.probe.sent[0];
    if (report === undefined) throw new Error(`no probe ${i}`);
    return report;
  }
}

describe('what the interval between probes counts', () => {
  it('timer: an answer neither delays nor slows the probes that are due [RFC5534 §4.3]', () => {
    const e = new Explorer({ pace: 'timer' }).until(700).hear('exploring').until(3_000);
    expect(e.times()).toEqual([0, 500, 700, 1_000, 1_500, 2_500]);
  });

  it('every-probe: an answer is one of the four, and starts the interval anew [RFC5534 §4.3]', () => {
    const e = new Explorer({ pace: 'every-probe' }).until(700).hear('exploring').until(4_500);
    expect(e.times()).toEqual([0, 500, 700, 1_200, 2_200, 4_200]);
  });

  it('a burst sends its probes at once, over different pairs; then the backoff goes on as if it had waited', () => {
    const e = new Explorer({}, burst(4)).until(7_500);
    expect(e.times()).toEqual([0, 0, 0, 0, 1_000, 3_000, 7_000]);
    expect(new Set(e.sent.map(({ pair: p }) => `${p.local} ${p.peer}`)).size).toBe(7);
  });
});

describe('which of several reported pairs is taken', () => {
  /** Two probes have gone out; the peer heard number 0 first, then number 1: newest first in the report. */
  const heardBoth = (choice: ReapRules['choice']): Explorer => {
    const e = new Explorer({ choice }).until(600);
    return e.hear('inboundOk', [e.report(1), e.report(0)]);
  };

  it('keep-current: the newest, unless the current one works [RFC5534 §6.8]', () => {
    const e = heardBoth('keep-current');
    expect(e.moves).toEqual([e.sent[1]?.pair]);
    const known = new Explorer({ choice: 'keep-current' }).until(30_000);
    const at = known.sent.findIndex(
      ({ pair: p }) => p.local === CURRENT.local && p.peer === CURRENT.peer,
    );
    expect(at).toBeGreaterThan(0);
    known.hear('inboundOk', [known.report(at - 1), known.report(at)]);
    expect(known.moves).toEqual([]);
  });

  it('first-heard: the one the peer heard first, as figure 2 of seed 001 has it', () => {
    const e = heardBoth('first-heard');
    expect(e.moves).toEqual([e.sent[0]?.pair]);
  });

  it('first-heard: a late report moves nothing once the exploration is over', () => {
    for (const [choice, moves] of [
      ['first-heard', 1],
      ['keep-current', 2],
    ] as const) {
      const e = heardBoth(choice);
      e.hear('inboundOk', [choice === 'first-heard' ? e.report(1) : e.report(0)]);
      expect(e.moves).toHaveLength(moves);
    }
  });
});

describe('profiles', () => {
  it('only `paper` has rules of its own; the others have ours', () => {
    expect(PAPER.rules).toEqual({ pace: 'every-probe', choice: 'first-heard' });
    expect(REAP_PROFILES.rfc.rules).toBeUndefined();
    const withRules = new Explorer(RULES).until(20_000).times();
    expect(new Explorer(undefined).until(20_000).times()).toEqual(withRules);
  });
});
