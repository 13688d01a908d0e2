import { decapsulate } from '../../src/sam/encapsulation.js';
import { fromHost, fromProvider, fromZone, type Verdict } from '../../src/sam/forward.js';
import { isBelow } from '../../src/sam/route.js';
import type { SamTable } from '../../src/sam/table.js';
import { SamPrograms } from '../../src/dataplane/sam/programs.js';
import { addressFromBytes, isLinkLocal, type Address } from '../../src/wire/address.js';
import { prefixContains } from '../../src/wire/prefix.js';
import { runProgram } from './program-run.js';

/** What becomes of a packet, in words that a table in memory and a program in the kernel have in common. */
export type Outcome =
  | { readonly what: 'outer' | 'native' | 'delivered' | 'forwarded'; readonly packet: Uint8Array }
  | { readonly what: 'pass' }
  | { readonly what: 'drop'; readonly reason: string };

/** A SAM data path with a table, asked about one packet at a time. */
export interface SamPath {
  readonly name: 'memory' | 'kernel';
  setTable(table: SamTable): void;
  fromHost(packet: Uint8Array): Outcome;
  /** `index`: of an interface of the zone `name`. */
  fromZone(name: string, index: number, packet: Uint8Array): Outcome;
  fromProvider(packet: Uint8Array): Outcome;
  close(): void;
}

/**
 * `src/sam/forward.ts`. Where the kernel has a stack around its programs, the words are the stack's: what a leaf does not
 * use is no address of it; what is neither for us nor below us is forwarded as ever; addresses of the zones do not come
 * from outside; and packets with sources of ours do not come in without an outer packet.
 */
export class MemoryPath implements SamPath {
  readonly name = 'memory';
  #table: SamTable = { zones: [], providers: [] };

  setTable(table: SamTable): void {
    this.#table = table;
  }

  fromHost(packet: Uint8Array): Outcome {
    const verdict = fromHost(this.#table, packet);
    switch (verdict.verdict) {
      case 'deliver':
        return { what: 'drop', reason: 'no-such-address' };
      case 'send':
        return { what: 'outer', packet: verdict.packet };
      case 'provider':
        return { what: 'native', packet: verdict.packet };
      default:
        return plain(verdict);
    }
  }

  fromZone(name: string, _index: number, packet: Uint8Array): Outcome {
    const verdict = fromZone(this.#table, name, packet);
    const below = isBelow(this.#table, sourceOf(packet));
    switch (verdict.verdict) {
      case 'pass':
        return below ? { what: 'drop', reason: 'unencapsulated' } : { what: 'pass' };
      case 'deliver':
        return { what: 'delivered', packet: verdict.packet };
      case 'send':
      case 'provider': {
        const found = decapsulate(packet);
        // The hop limit is the stack's.
        return found.ok ? { what: 'forwarded', packet: found.inner } : { what: 'pass' };
      }
      default:
        return verdict.reason.startsWith('error-')
          ? { what: 'drop', reason: 'told' }
          : plain(verdict);
    }
  }

  fromProvider(packet: Uint8Array): Outcome {
    const [source, destination] = [sourceOf(packet), addressFromBytes(packet, 24)];
    if ([source, destination].some((a) => isLinkLocal(a) || a.startsWith('ff')))
      return { what: 'pass' };
    const isLocal = (a: Address): boolean =>
      this.#table.zones.some((z) => prefixContains(z.constant, a));
    if (isLocal(source) || isLocal(destination))
      return { what: 'drop', reason: 'local-from-outside' };
    if (!isBelow(this.#table, source) && !isBelow(this.#table, destination))
      return { what: 'pass' };
    const verdict = fromProvider(this.#table, packet);
    if (verdict.verdict === 'drop') return plain(verdict);
    return { what: 'pass' };
  }

  close(): void {
    this.#table = { zones: [], providers: [] };
  }
}

const sourceOf = (packet: Uint8Array): Address => addressFromBytes(packet, 8);
const plain = (verdict: Verdict): Outcome =>
  verdict.verdict === 'drop' ? { what: 'drop', reason: verdict.reason } : { what: 'pass' };

const NEXT = -1;
const DROP = 2;
const REDIRECT = 7;

/** bpf/sam.bpf.c, each packet through BPF_PROG_TEST_RUN. Call everything inside the namespace of the interfaces. */
export class KernelPath implements SamPath {
  readonly name = 'kernel';
  readonly programs: SamPrograms;
  readonly #device: number;
  readonly #uplink: number;

  constructor(device: number, uplink: number) {
    this.#device = device;
    this.#uplink = uplink;
    this.programs = new SamPrograms(device);
  }

  setTable(table: SamTable): void {
    const links = table.providers.map((prefix) => ({ prefix, ifindex: this.#uplink }));
    this.programs.setTable(table, links);
  }

  #run(
    program: 'sam_out' | 'sam_zone' | 'sam_provider',
    packet: Uint8Array,
    ifindex: number,
    redirected: (longer: boolean, packet: Uint8Array) => Outcome,
  ): Outcome {
    const before = this.programs.counters();
    const { verdict, packet: left } = runProgram(this.programs.fd(program), packet, ifindex);
    if (verdict === REDIRECT) return redirected(left.length > packet.length, left);
    if (verdict === NEXT) {
      return left.length < packet.length ? { what: 'forwarded', packet: left } : { what: 'pass' };
    }
    if (verdict !== DROP) throw new Error(`a verdict of ${verdict}`);
    const after = this.programs.counters();
    const moved = Object.keys(after).filter((n) => after[n] !== before[n] && n !== 'tell-limited');
    if (moved.length !== 1)
      throw new Error(`a drop that counts under ${moved.join(', ') || 'nothing'}`);
    const reason = (moved[0] ?? '').replace(/^drop-/, '');
    return { what: 'drop', reason: reason === 'error-told' ? 'told' : reason };
  }

  fromHost(packet: Uint8Array): Outcome {
    return this.#run('sam_out', packet, this.#device, (longer, left) => ({
      what: longer ? 'outer' : 'native',
      packet: left,
    }));
  }
  fromZone(_name: string, index: number, packet: Uint8Array): Outcome {
    return this.#run('sam_zone', packet, index, (_longer, left) => ({ what: 'delivered', packet: left })); // prettier-ignore
  }
  fromProvider(packet: Uint8Array): Outcome {
    return this.#run('sam_provider', packet, this.#uplink, () => ({ what: 'pass' }));
  }

  close(): void {
    this.programs.close();
  }
}
