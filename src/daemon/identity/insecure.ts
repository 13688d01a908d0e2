import type { LocalLocator } from '../../engine/types.js';
import { isGlobalUnicast } from '../../wire/address.js';
import { RehomeError } from '../../wire/errors.js';
import type { DaemonConfig } from '../config.js';

/** With security "none", unless forced: the locators that the whole Internet could reach. */
export const insecure = (
  { engine, addresses }: Pick<DaemonConfig, 'engine' | 'addresses'>,
  locators: readonly LocalLocator[],
): readonly LocalLocator[] =>
  engine.security === 'none' && !addresses.forceInsecure
    ? locators.filter((l) => isGlobalUnicast(l.address))
    : [];

/** @throws RehomeError REHOME_E_INSECURE when there are such locators */
export function refuseInsecure(
  config: Pick<DaemonConfig, 'engine' | 'addresses' | 'file'>,
  locators: readonly LocalLocator[],
): void {
  const [first] = insecure(config, locators);
  if (first === undefined) return;
  throw new RehomeError(
    'REHOME_E_INSECURE',
    `security = "none" and the global address ${first.address}: whoever knows a context tag could take over its sessions. ` +
      `Take security out of ${config.file}, or write force_insecure = true where every host on every path is yours`,
    first.address,
  );
}
