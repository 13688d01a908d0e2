import { realize, recordsFromJson, recordsToJson } from '../../../src/daemon/identity/record.js';
import { RehomeError } from '../../../src/wire/errors.js';
import { ZodError } from 'zod';
import { must, octetsOf, textOf, type Target } from '../harness/target.js';
import { mustEqual } from '../support/equal.js';
import { privateKey } from '../../identity/support.js';
import { lines } from './config.js';

const KEY = privateKey('rsa1024');
const record = (kind: string, prefixes: readonly string[], more: object): object => ({
  ...{ kind, sec: 0, prefixes, modifier: '52'.repeat(16), collisionCount: 0 },
  ...{ createdAt: '2026-11-25T00:00:00.000Z', ...more },
});
const SET = ['2001:db8:a1::/64', '2001:db8:a2::/64'];
const FILE = {
  version: 1,
  identities: [
    record('hba', SET, { extendedModifier: `d1${'51'.repeat(47)}` }),
    record('hybrid', SET, { key: 'ab' }),
    record('cga', SET.slice(0, 1), { key: 'ab', collisionCount: 1 }),
  ],
};

export const target: Target = {
  name: 'identity-record',
  about: 'the file of this host’s identities, and what is made of it',
  code: ['src/daemon/identity/record', 'src/identity/hba', 'src/identity/cga'],
  constants: 'text',
  words: ['"', ':', ',', '{', '}', '[', ']', 'null', '-1', '1e9', '"2001:db8::/64"', '00'],
  seeds: () => [octetsOf(JSON.stringify(FILE)), octetsOf(JSON.stringify(FILE, null, 1))],
  units: lines,
  run(input) {
    let value: unknown;
    try {
      value = JSON.parse(textOf(input));
    } catch {
      return;
    }
    let records;
    try {
      records = recordsFromJson(value);
    } catch (error) {
      // The store says REHOME_E_STATE instead.
      if (error instanceof ZodError) return;
      throw error;
    }
    mustEqual(recordsFromJson(recordsToJson(records)), records, 'records after a round trip');
    for (const r of records) {
      must(
        r.modifier.length === 16 && (r.extendedModifier?.length ?? 48) === 48,
        'modifiers have their length',
      );
      try {
        const { addresses, local } = realize(r, KEY);
        must(addresses.length === r.prefixes.length, 'an address for each prefix');
        must(local.addresses.length === addresses.length, 'and a proof for each address');
      } catch (error) {
        if (!(error instanceof RehomeError)) throw error;
      }
    }
  },
};
