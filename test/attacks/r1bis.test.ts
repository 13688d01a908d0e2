import { describe, expect, it } from 'vitest';
import { PAPER } from '../../src/reap/constants.js';
import { buildControlPacket } from '../../src/wire/shim6/index.js';
import { testConfig, Wire, type TestHost } from '../support/engines.js';

const A = ['2001:db8:a1::1', '2001:db8:a2::1', '2001:db8:a3::1'];
const B = ['2001:db8:b1::1', '2001:db8:b2::1', '2001:db8:b3::1'];
/** Milliseconds between two payload packets, each way. */
const STEP = 100;

/**
 * A session whose first provider at both ends is dead, and payload both ways: so no probe and no keepalive says that the
 * peer has its context. The attacker was on the path once, knows CT(peer), and names pairs as it likes.
 */
class Attacked {
  readonly wire = new Wire();
  readonly a: TestHost;
  readonly b: TestHost;

  constructor(seed: number) {
    const config = testConfig({ reap: PAPER });
    this.a = this.wire.add('A', A, config, seed);
    this.b = this.wire.add('B', B, config, seed);
    this.wire.establish(this.a, this.b);
    this.wire.lose = ({ source, destination }) => isDead(source) || isDead(destination);
    this.live(10_000);
  }

  /** Payload for so long, with an attack each second. @returns how long in all payload of A did not arrive, milliseconds */
  live(duration: number, attack: () => void = () => undefined): number {
    let lost = 0;
    for (let t = 0; t < duration; t += STEP) {
      if (t % 1_000 === 0) attack();
      this.wire.payload(this.a, this.b, !arrives(this.a));
      this.wire.payload(this.b, this.a, !arrives(this.b));
      this.wire.pass(STEP);
      if (!arrives(this.a)) lost += STEP;
    }
    return lost;
  }

  /** From B's locator to A's, as far as A can tell. */
  forge(from: number, to: number): void {
    const packetContextTag = this.a.context()?.peerTag;
    if (packetContextTag === undefined) return;
    const packet = buildControlPacket(this.b.address(from), this.a.address(to), {
      message: 'r1bis',
      packetContextTag,
      responderNonce: 7,
      options: [{ option: 'responderValidator', validator: new Uint8Array(20) }],
    });
    this.wire.deliver(packet);
  }
}

const isDead = (address: string): boolean => address === A[0] || address === B[0];
function arrives(host: TestHost): boolean {
  const context = host.context();
  if (context === undefined || !host.bindings.has(context.id)) return false;
  return !isDead(context.pair.local) && !isDead(context.pair.peer);
}

describe.each([1, 2, 3, 4, 5, 6])(
  'forged R1bis with the tag, payload both ways, seed %i',
  (seed) => {
    it('over a dead pair: A asks over the pair in use in the end, and the session goes on [RFC5533 §16.2]', () => {
      const session = new Attacked(seed);
      const before = tags(session);
      session.forge(0, 0);
      expect(session.a.context()?.state).toBe('I2BIS-SENT');
      // One exchange of I1 and R2 without CT(peer), at most.
      expect(session.live(60_000)).toBeLessThanOrEqual(STEP);
      expect(session.a.context()?.state).toBe('ESTABLISHED');
      expect(tags(session)).toEqual(before);
    });

    it('each second over another pair: the recovery has its time, and the session goes on [RFC5533 §16.2]', () => {
      const session = new Attacked(seed);
      const before = tags(session);
      let n = 0;
      expect(session.live(120_000, () => session.forge(0, n++ % 3))).toBeLessThanOrEqual(20 * STEP);
      expect(session.live(60_000)).toBeLessThanOrEqual(STEP);
      expect(session.a.context()?.state).toBe('ESTABLISHED');
      expect(tags(session)).toEqual(before);
    });
  },
);

const tags = ({ a, b }: Attacked): unknown =>
  [a, b].map((host) => [host.context()?.localTag, host.context()?.peerTag]);
