import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentityKeeper, type KeeperOptions } from '../../src/daemon/identity/keeper.js';
import { fingerprint, type IdentityKind } from '../../src/daemon/identity/record.js';
import { IdentityStore } from '../../src/daemon/identity/store.js';
import type { HostAddress } from '../../src/daemon/locators.js';
import { HbaVerifier } from '../../src/identity/hba-verifier.js';
import { searchHash2 } from '../../src/identity/hashes.js';
import { SeededRandom } from '../../src/sim/random.js';
import { VirtualClock } from '../../src/sim/clock.js';
import type { Address } from '../../src/wire/address.js';
import { parsePrefix, prefixContains } from '../../src/wire/prefix.js';
import { ms } from '../../src/wire/units.js';
import { hostAddress, MemoryAddresses } from '../support/addresses.js';

const P = ['2001:db8:a::/64', '2001:db8:b::/64', '2001:db8:c::/64', '2001:db8:d::/64'];
const privateKey = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const KEY = { private: privateKey, fingerprint: fingerprint(privateKey) };

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'rehome-identity-')), 'state');
});
afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

/** A host in virtual time, with the plain address ::10 in each of its prefixes. */
class Host {
  readonly clock = new VirtualClock();
  readonly notes: string[] = [];
  readonly used = new Set<Address>();
  bound = new Set<Address>();
  /** Which of our addresses somebody else has. */
  taken: (address: Address) => boolean = () => false;
  searches = 0;
  verifier = new HbaVerifier();
  readonly control: MemoryAddresses;
  keeper: IdentityKeeper;

  constructor(
    readonly kind: IdentityKind = 'hba',
    more: Partial<KeeperOptions> = {},
  ) {
    this.control = new MemoryAddresses({
      now: () => this.clock.now(),
      onChange: () => this.keeper.addressesChanged(),
      taken: (address) => this.taken(address),
    });
    this.keeper = this.#make(more);
  }

  #make(more: Partial<KeeperOptions>): IdentityKeeper {
    return new IdentityKeeper({
      settings: { kind: this.kind, sec: 0, prefer: true },
      store: new IdentityStore(directory),
      key: this.kind === 'hba' ? undefined : KEY,
      verifier: this.verifier,
      control: this.control,
      clock: this.clock,
      random: new SeededRandom('keeper'),
      findModifier: (task, from) => {
        this.searches++;
        const { modifier, hashes } = searchHash2(task, from, 1e6);
        return modifier ? Promise.resolve({ modifier, hashes }) : Promise.reject(new Error('none'));
      },
      addresses: () => this.control.list,
      configured: () => [],
      admits: () => true,
      inUse: () => this.used,
      bound: () => this.bound,
      note: (level, name, detail) => this.notes.push(`${level} ${name} ${JSON.stringify(detail)}`),
      ...more,
    });
  }

  /** The same host after a restart of the daemon. */
  async restart(): Promise<void> {
    await this.keeper.stop();
    this.verifier = new HbaVerifier();
    this.keeper = this.#make({});
    this.keeper.load();
    await this.start();
  }

  /** What the operator or the kernel gave: ::10 in each prefix, on up1, up2 and so on. */
  give(prefixes: readonly string[], more: Partial<HostAddress> = {}): void {
    const plain = prefixes.map((p) =>
      hostAddress(p.replace('/64', '10'), {
        ifindex: P.indexOf(p) + 1,
        interfaceName: `up${P.indexOf(p) + 1}`,
        ...more,
      }),
    );
    this.control.list = [...plain, ...this.control.list.filter((a) => a.ours)];
    this.keeper.addressesChanged();
  }

  async start(): Promise<void> {
    await this.keeper.start();
    await this.pass(1_000);
  }

  /** Lets virtual time pass, and the work that it starts be done. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.clock.now() + milliseconds;
    while (this.clock.now() < end) {
      this.clock.run(Math.min(100, end - this.clock.now()));
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  ours(): HostAddress[] {
    return this.control.list.filter((a) => a.ours);
  }
  /** Our addresses as `a`, or `a!` when deprecated, by prefix. */
  shape(): string {
    const letter = (a: HostAddress): string => {
      const i = P.findIndex((p) => prefixContains(parsePrefix(p), a.address));
      return ('abcd'[i] ?? '?') + (a.deprecated ? '!' : '');
    };
    return this.ours().map(letter).sort().join(' ');
  }
}

describe.each(['hba', 'hybrid', 'cga'] as const)('a host with identity %s', (kind) => {
  it('has an address of its own in every prefix, preferred as source, provable, on disk', async () => {
    const host = new Host(kind);
    host.give(P.slice(0, 3));
    await host.start();
    expect(host.shape()).toBe('a b c');
    const addresses = host.ours().map((a) => a.address);
    expect(host.control.preferred.addresses.toSorted()).toEqual(addresses.toSorted());
    expect(host.control.preferred.prefixes).toEqual(P.slice(0, 3));
    for (const ulid of addresses) {
      expect(host.verifier.provable(ulid, addresses).toSorted()).toEqual(addresses.toSorted());
    }
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'identities.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps its addresses over a restart, without a new search [RFC3972-4-4]', async () => {
    const host = new Host(kind);
    host.give(P.slice(0, 2));
    await host.start();
    const before = host.ours().map((a) => a.address);
    const { searches } = host;
    await host.restart();
    expect(
      host
        .ours()
        .map((a) => a.address)
        .toSorted(),
    ).toEqual(before.toSorted());
    expect(host.searches).toBe(searches);
    expect(host.verifier.provable(before[0]!, before)).toEqual(before);
  });

  it('a link that goes and comes back brings the same address back', async () => {
    const host = new Host(kind);
    host.give(P.slice(0, 2));
    await host.start();
    const before = host.ours().map((a) => a.address);
    host.give([P[0]!]);
    await host.pass(1_000);
    expect(host.shape()).toBe('a');
    await host.pass(600_000);
    host.give(P.slice(0, 2));
    await host.pass(1_000);
    expect(
      host
        .ours()
        .map((a) => a.address)
        .toSorted(),
    ).toEqual(before.toSorted());
  });

  it('follows the lifetimes of its prefixes', async () => {
    const host = new Host(kind);
    host.give([P[0]!], { preferredUntil: ms(100_000), validUntil: ms(200_000) });
    await host.start();
    const [before] = host.ours();
    expect(100_000 - (before?.preferredUntil ?? 0)).toSatisfy((x: number) => x >= 0 && x < 1_000);
    expect(200_000 - (before?.validUntil ?? 0)).toSatisfy((x: number) => x >= 0 && x < 1_000);
    host.give([P[0]!], { preferredUntil: ms(500_000), validUntil: ms(600_000) });
    await host.pass(1_000);
    const [first] = host.ours();
    expect(Math.abs((first?.validUntil ?? 0) - 600_000)).toBeLessThan(2_000);
    const puts = host.control.puts.length;
    await host.pass(180_000);
    expect(host.control.puts.length, 'and is left alone otherwise').toBe(puts);
  });

  it('tries again with the next collision count when an address is taken [RFC3972 §4] [RFC3972-4-2]', async () => {
    const host = new Host(kind);
    const asked: Address[] = [];
    host.taken = (address) => {
      if (!asked.includes(address)) asked.push(address);
      return (
        prefixContains(parsePrefix(P[0]!), address) &&
        asked.indexOf(address) < 3 &&
        asked.length < 4
      );
    };
    host.give(P.slice(0, 2));
    await host.start();
    await host.pass(5_000);
    expect(host.shape()).toBe('a b');
    expect(host.ours().every((a) => a.dad === 'valid')).toBe(true);
    expect(host.notes.filter((n) => n.startsWith('warn address-collision '))).not.toEqual([]);
    const { records } = { records: new IdentityStore(directory).records() };
    expect(Math.max(...records.map((r) => r.collisionCount))).toBeGreaterThan(0);
  });

  it('makes the set anew once, also when several of its addresses are taken', async () => {
    const host = new Host(kind);
    const first = new Set<Address>();
    host.taken = (address) => {
      if (first.size < 3) first.add(address);
      return first.has(address);
    };
    host.give(P.slice(0, 3));
    await host.start();
    await host.pass(5_000);
    expect(host.shape()).toBe('a b c');
    expect(host.keeper.identities.map((i) => i.record.collisionCount)).toEqual(
      kind === 'cga' ? [1, 1, 1] : [1],
    );
    expect(new IdentityStore(directory).records()).toHaveLength(kind === 'cga' ? 3 : 1);
    const made = host.notes.filter((n) => n.startsWith('info identity-made'));
    expect(made).toHaveLength(kind === 'cga' ? 6 : 2);
  });

  it('gives a prefix up after three collisions, and says what may be wrong', async () => {
    const host = new Host(kind);
    host.taken = (address) => prefixContains(parsePrefix(P[0]!), address);
    host.give(P.slice(0, 2));
    await host.start();
    await host.pass(10_000);
    expect(host.notes.filter((n) => n.startsWith('error address-collisions'))).toHaveLength(1);
    expect(host.shape()).toBe('b');
    const puts = host.control.puts.length;
    await host.pass(1_000_000);
    expect(host.control.puts.length, 'and does not try for ever').toBe(puts);
  });

  it('takes everything back when it stops, but what sockets use', async () => {
    const host = new Host(kind);
    host.give(P.slice(0, 2));
    await host.start();
    const [kept] = host.ours();
    host.bound = new Set([kept!.address]);
    await host.keeper.stop();
    expect(host.ours()).toMatchObject([{ address: kept!.address, deprecated: true }]);
    expect(host.ours()[0]?.validUntil).toBe(host.clock.now() + 3_600_000);
    expect(host.control.preferred).toEqual({ addresses: [], prefixes: [] });
    const puts = host.control.puts.length;
    host.give(P.slice(0, 3));
    await host.pass(120_000);
    expect(host.control.puts.length).toBe(puts);
  });
});

describe('a new prefix', () => {
  it('hba: means a new set; the old one stays, deprecated, until nobody uses it [RFC5535 §8.1] [RFC5535-8.1-1]', async () => {
    const host = new Host('hba');
    host.give(P.slice(0, 2));
    await host.start();
    const [old] = host.ours();
    host.used.add(old!.address);
    host.give(P.slice(0, 3));
    await host.pass(1_000);
    expect(host.shape()).toBe('a a! b b! c');
    expect(host.keeper.identities).toHaveLength(2);
    host.used.clear();
    host.bound = new Set([old!.address]);
    await host.pass(130_000);
    expect(host.shape(), 'a socket is enough').toBe('a a! b b! c');
    host.bound.clear();
    await host.pass(130_000);
    expect(host.shape()).toBe('a b c');
    expect(host.keeper.identities).toHaveLength(1);
    expect(host.verifier.provable(old!.address, [old!.address]), 'nothing is proven of it').toEqual(
      [old!.address],
    );
    expect(new IdentityStore(directory).records()).toHaveLength(1);
  });

  it('cga: means one more address, and nothing else changes', async () => {
    const host = new Host('cga');
    host.give(P.slice(0, 2));
    await host.start();
    const before = host.ours().map((a) => a.address);
    host.give(P.slice(0, 3));
    await host.pass(1_000);
    expect(host.shape()).toBe('a b c');
    const after = host.ours().map((a) => a.address);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(host.verifier.provable(before[0]!, after)).toHaveLength(3);
  });

  it('hybrid: sessions of the old set can be told of the new prefix', async () => {
    const host = new Host('hybrid');
    host.give(P.slice(0, 2));
    await host.start();
    const before = host.ours().map((a) => a.address);
    before.forEach((a) => host.used.add(a));
    host.give(P.slice(0, 3));
    await host.pass(1_000);
    const all = host.ours().map((a) => a.address);
    const provable = host.verifier.provable(before[0]!, all);
    expect(provable).toHaveLength(3);
    expect(provable).toEqual(expect.arrayContaining(before));
  });

  it('a renumbering leaves the deprecated prefix out of the new set', async () => {
    const host = new Host('hba');
    host.give(P.slice(0, 2));
    await host.start();
    host.control.list = host.control.list.map((a) =>
      a.ours || !a.address.startsWith('2001:db8:a:') ? a : { ...a, preferredUntil: ms(0) },
    );
    host.give([P[0]!], { preferredUntil: ms(0), validUntil: ms(5_000_000) });
    const first = host.control.list;
    host.give(P.slice(1, 3));
    host.control.list = [...first.filter((a) => !a.ours), ...host.control.list];
    await host.pass(1_000);
    const newest = host.keeper.identities.at(-1);
    expect(newest?.record.prefixes.map((p) => p.address)).toEqual(['2001:db8:b::', '2001:db8:c::']);
  });

  it('may be advertised where the kernel makes no addresses itself', async () => {
    const host = new Host('hba');
    await host.start();
    expect(host.control.solicited).toEqual([1, 2, 3]);
    expect(host.shape()).toBe('');
    const advertised = {
      prefix: parsePrefix(P[1]!),
      ifindex: 2,
      interfaceName: 'up2',
      preferredSeconds: 3_600,
      validSeconds: 7_200,
    };
    host.keeper.prefixAdvertised(advertised);
    await host.pass(1_000);
    expect(host.shape()).toBe('b');
    expect(host.ours()[0]?.validUntil).toBeGreaterThan(7_199_000);
    // RFC 4862 §5.5.3 e: nobody ends a prefix at once.
    host.keeper.prefixAdvertised({ ...advertised, preferredSeconds: 0, validSeconds: 0 });
    await host.pass(1_000);
    expect(host.shape()).toBe('b!');
    await host.pass(7_300_000);
    expect(host.shape()).toBe('');
  });

  it('is not taken where the configuration says no', async () => {
    const host = new Host('hba', { admits: (name) => name === 'up2' });
    host.give(P.slice(0, 3));
    await host.start();
    expect(host.shape()).toBe('b');
    expect(host.control.preferred.prefixes).toEqual([P[1]]);
  });

  it('may come from the configuration', async () => {
    const host = new Host('hba', {
      configured: () => [{ prefix: parsePrefix(P[2]!), ifindex: 3, interfaceName: 'up3' }],
    });
    await host.start();
    expect(host.shape()).toBe('c');
  });
});

describe('the state directory', () => {
  const file = (): string => join(directory, 'identities.json');

  it('refuses to go on with a damaged file, and leaves it', async () => {
    const host = new Host('hba');
    host.give([P[0]!]);
    await host.start();
    const text = readFileSync(file(), 'utf8');
    for (const damaged of [
      text.slice(0, -9),
      text.replace('"sec": 0', '"sec": "x"'),
      '{}',
      text.replace(/[0-9a-f]{32}/, 'zz'),
    ]) {
      writeFileSync(file(), damaged);
      expect(() => new IdentityStore(directory).records()).toThrow(
        expect.objectContaining({
          code: 'REHOME_E_STATE',
          message: expect.stringContaining('move it away'),
        }),
      );
      expect(readFileSync(file(), 'utf8')).toBe(damaged);
    }
  });

  it('refuses a directory that others may write', () => {
    new IdentityStore(directory);
    chmodSync(directory, 0o777);
    expect(() => new IdentityStore(directory)).toThrow(
      expect.objectContaining({ code: 'REHOME_E_STATE' }),
    );
  });

  it('makes a key once, mode 0600, and refuses one that others may read or that is none', () => {
    const store = new IdentityStore(directory);
    const key = store.key();
    expect(statSync(join(directory, 'key.pem')).mode & 0o777).toBe(0o600);
    expect(fingerprint(new IdentityStore(directory).key())).toBe(fingerprint(key));
    chmodSync(join(directory, 'key.pem'), 0o640);
    const refused = (what: string): RegExp => new RegExp(what);
    expect(() => store.key()).toThrow(refused('chmod 600'));
    const other = join(directory, 'other.pem');
    expect(() => store.key(other)).toThrow(refused('no key'));
    writeFileSync(other, 'hello', { mode: 0o600 });
    expect(() => store.key(other)).toThrow(refused('no private key'));
    for (const modulusLength of [768, 3072]) {
      const { privateKey: wrong } = generateKeyPairSync('rsa', { modulusLength });
      writeFileSync(other, wrong.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      expect(() => store.key(other)).toThrow(refused('1024 to 2048'));
    }
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    writeFileSync(other, ec.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    expect(() => store.key(other)).toThrow(/RSA/);
  });

  it('leaves out what was made with another key [RFC3972-7.1-1]', async () => {
    const host = new Host('hybrid');
    host.give([P[0]!]);
    await host.start();
    const other = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const next = new Host('hybrid', { key: { private: other, fingerprint: fingerprint(other) } });
    next.keeper.load();
    expect(next.notes).toEqual([expect.stringContaining('made with another key')]);
    expect(next.keeper.identities).toEqual([]);
  });
});
