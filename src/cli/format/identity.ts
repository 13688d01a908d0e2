import type { IdentitiesJson, IdentityJson } from '../../control/schema.js';
import type { Colors } from '../io.js';
import { plural, table } from './table.js';
import { ago } from './time.js';

const KINDS: Readonly<Record<string, string>> = {
  hba: 'HBA set',
  hybrid: 'hybrid CGA/HBA set',
  cga: 'CGA',
};

/** `rehome identity`: each set with its addresses; the one for new sessions first. */
export function formatIdentities(reply: IdentitiesJson, colors: Colors): string {
  if (reply.security === 'none') {
    return `${colors.red('security: none')}: this host proves nothing and believes everything\n`;
  }
  const sorted = [...reply.identities].sort((a, b) => Number(b.current) - Number(a.current));
  if (sorted.length === 0) {
    return 'no identity yet: no prefix was found; see interfaces, prefixes and [[addresses.prefix]] of the configuration\n';
  }
  return sorted.map((i) => formatIdentity(i, reply.now, colors)).join('\n');
}

function formatIdentity(identity: IdentityJson, now: string, colors: Colors): string {
  const { kind, sec, current, createdAt, collisionCount } = identity;
  const use = current ? colors.green('for new sessions') : colors.dim('kept for old sessions');
  const taken = collisionCount > 0 ? `, ${plural(collisionCount, 'collision')}` : '';
  const title = `${colors.bold(KINDS[kind] ?? kind)}, Sec ${sec}, made ${ago(now, createdAt)}${taken}: ${use}`;
  const rows = identity.addresses.map((a) => [
    `  ${a.address}`,
    a.name ?? '',
    a.interface ?? '-',
    stateText(a.state, colors),
    plural(a.contexts, 'context'),
  ]);
  return `${title}\n${table(rows)}`;
}

function stateText(state: IdentityJson['addresses'][number]['state'], colors: Colors): string {
  if (state === 'preferred') return colors.green(state);
  if (state === 'taken') return colors.red('taken: somebody else on the link has it');
  return state === 'tentative' ? colors.yellow(state) : colors.dim(state);
}
