import type { HostAddress } from '../../src/daemon/locators.js';
import {
  FOREVER_SECONDS,
  type AddressControl,
  type HostInterface,
} from '../../src/daemon/world.js';
import { parseAddress, type Address } from '../../src/wire/address.js';
import { formatPrefix, type Prefix } from '../../src/wire/prefix.js';
import { addMs, ms, type Millis } from '../../src/wire/units.js';

/** An address as the system would report one that works, a /64 for ever. */
export const hostAddress = (text: string, more: Partial<HostAddress> = {}): HostAddress => ({
  address: parseAddress(text),
  ifindex: 1,
  interfaceName: 'up1',
  prefixLength: 64,
  dad: 'valid',
  deprecated: false,
  operational: true,
  preferredUntil: ms(Infinity),
  validUntil: ms(Infinity),
  ours: false,
  ...more,
});

export interface MemoryAddressOptions {
  readonly now: () => Millis;
  readonly onChange: () => void;
  /** Addresses that somebody else on the link has: DAD fails. */
  readonly taken?: (address: Address) => boolean;
  readonly interfaces?: readonly HostInterface[];
}

/** The addresses of a host in memory: what netlink does, with DAD that is over at once. */
export class MemoryAddresses implements AddressControl {
  list: HostAddress[] = [];
  preferred: { addresses: readonly Address[]; prefixes: readonly string[] } = {
    addresses: [],
    prefixes: [],
  };
  readonly solicited: number[] = [];
  readonly puts: Address[] = [];
  closed = false;
  readonly #options: MemoryAddressOptions;

  constructor(options: MemoryAddressOptions) {
    this.#options = options;
  }

  put(a: Parameters<AddressControl['put']>[0]): void {
    this.puts.push(a.address);
    const { now, taken } = this.#options;
    const until = (seconds: number): Millis =>
      seconds === FOREVER_SECONDS ? ms(Infinity) : addMs(now(), seconds * 1000);
    const before = this.list.find((x) => x.address === a.address && x.ifindex === a.ifindex);
    const fresh = hostAddress(a.address, {
      ifindex: a.ifindex,
      interfaceName: this.interfaces().find((i) => i.index === a.ifindex)?.name ?? 'up?',
      dad: taken?.(a.address) === true ? 'failed' : 'valid',
      deprecated: a.preferredSeconds === 0,
      preferredUntil: until(a.preferredSeconds),
      validUntil: until(a.validSeconds),
      ours: true,
    });
    this.list = [...this.list.filter((x) => x !== before), fresh];
    this.#options.onChange();
  }

  remove(address: Address, ifindex: number): void {
    this.list = this.list.filter((x) => x.address !== address || x.ifindex !== ifindex);
    this.#options.onChange();
  }

  ours(): readonly HostAddress[] {
    return this.list.filter((a) => a.ours);
  }

  prefer(addresses: readonly Address[], prefixes: readonly Prefix[]): void {
    this.preferred = { addresses, prefixes: prefixes.map(formatPrefix) };
  }

  solicit(ifindex: number): void {
    this.solicited.push(ifindex);
  }

  interfaces(): readonly HostInterface[] {
    return (
      this.#options.interfaces ?? [
        { name: 'up1', index: 1 },
        { name: 'up2', index: 2 },
        { name: 'up3', index: 3 },
      ]
    );
  }

  close(): void {
    this.closed = true;
  }
}
