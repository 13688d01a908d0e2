import { z } from 'zod';
import { fieldHex, type BitField } from '../../sam/bits.js';
import { fieldFromHex } from '../../sam/local.js';
import type { SamInterface } from '../../sam/types.js';
import type { StateDirectory } from '../state-directory.js';

const FILE = 'sam.json';

const Schema = z.strictObject({
  version: z.literal(1),
  /** By the name of the interface. */
  infixes: z.record(z.string().min(1), z.string().regex(/^([0-9a-f]{2}){1,7}$/)),
});

type Remembered = NonNullable<SamInterface['remembered']>;

/**
 * The IID infixes that the interfaces had last, kept over restarts: a host that comes back has the global addresses that
 * its sessions know.
 */
export class InfixMemory {
  readonly #state: StateDirectory;
  readonly #infixes: Map<string, string>;

  /** @throws RehomeError REHOME_E_STATE when the file is damaged */
  constructor(state: StateDirectory) {
    this.#state = state;
    const parse = (value: unknown): Record<string, string> => Schema.parse(value).infixes;
    const found = state.readJson(FILE, parse, 'interfaces then get other infixes');
    this.#infixes = new Map(Object.entries(found ?? {}));
  }

  of(interfaceName: string): Remembered | undefined {
    const text = this.#infixes.get(interfaceName);
    if (text === undefined) return undefined;
    const { value, length } = fieldFromHex(text, 'IID infix');
    return { infix: value, octets: length / 8 };
  }

  /** @throws RehomeError REHOME_E_STATE when it cannot be written */
  keep(interfaceName: string, infix: BitField): void {
    const text = fieldHex(infix);
    if (text === '' || this.#infixes.get(interfaceName) === text) return;
    this.#infixes.set(interfaceName, text);
    this.#state.writeJson(FILE, { version: 1, infixes: Object.fromEntries(this.#infixes) });
  }
}
