import type { LocatorsJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { locatorTable } from './contexts.js';
import { table } from './table.js';

/** `rehome locators`: ours and the peers', with preference, verification and BROKEN. */
export function formatLocators({ local, peers }: LocatorsJson, colors: Colors): string {
  const ours =
    local.length === 0
      ? '  none: no global address matches interfaces and prefixes of the configuration\n'
      : table(
          local.map((l) => [
            `  ${l.address}`,
            l.name ?? '',
            l.interface,
            `priority ${l.priority}`,
            `weight ${l.weight}`,
            l.operational ? colors.green('usable') : colors.red('BROKEN'),
            [l.identity ?? '', l.deprecated ? 'deprecated' : '', l.transient ? 'TRANSIENT' : '']
              .filter((t) => t !== '')
              .join(' '),
          ]),
        );
  const theirs = peers.map(
    (p) => `${colors.bold(`peer ${p.ulid}`)}\n${locatorTable(p.locators, colors)}`,
  );
  return [`${colors.bold('this host')}\n${ours}`, ...theirs].join('');
}
