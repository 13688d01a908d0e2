import { Deadlines } from '../../../../src/engine/deadlines.js';
import { isContacted, type Context } from '../../../../src/shim6/context.js';
import { ContextTable } from '../../../../src/shim6/table.js';
import type { ContextTag } from '../../../../src/wire/units.js';
import { must } from '../../harness/target.js';

/**
 * The context tables of the engines, which engines keep to themselves: every table tells of itself when a context is
 * put in. What it was ever asked to index is remembered, so that what is left behind can be asked for.
 */
export class SeenTable {
  readonly #peerTags = new Set<ContextTag>();
  readonly #localTags = new Set<ContextTag>();
  readonly #nonces = new Set<number>();
  readonly #ulids = new Map<string, Pick<Context, 'ulids' | 'forkedInstanceIdentifier'>>();
  readonly table: ContextTable;

  constructor(table: ContextTable) {
    this.table = table;
  }

  remember(c: Context): void {
    this.#localTags.add(c.localTag);
    this.#ulids.set(`${c.ulids.local} ${c.ulids.peer} ${c.forkedInstanceIdentifier}`, c);
    if (isContacted(c)) this.#peerTags.add(c.s.peerTag);
    if (c.s.state !== 'ESTABLISHED') this.#nonces.add(c.s.initiatorNonce);
  }

  /** Every index finds every context, and nothing that is not there (any more). */
  check(): void {
    const { table } = this;
    const all = [...table.values()];
    must(all.length === table.size, 'the table is as large as what is in it');
    for (const c of all) {
      this.remember(c);
      must(table.byId(c.id) === c, 'a context is found by its id');
      must(
        table.byUlids(c.ulids, c.forkedInstanceIdentifier) === c,
        'a context is found by its ULIDs',
      );
      must(table.byLocalTag(c.localTag) === c, 'a context is found by its own tag');
      if (isContacted(c))
        must(table.byPeerTag(c.s.peerTag).includes(c), 'a context is found by the tag of its peer');
      if (c.s.state !== 'ESTABLISHED')
        must(
          table.byInitiatorNonce(c.s.initiatorNonce).includes(c),
          'a context is found by its nonce',
        );
    }
    const there = new Set(all);
    for (const tag of this.#peerTags) {
      must(
        table.byPeerTag(tag).every((c) => there.has(c) && isContacted(c) && c.s.peerTag === tag),
        'no stale tag of a peer',
      );
    }
    for (const nonce of this.#nonces) {
      must(
        table
          .byInitiatorNonce(nonce)
          .every(
            (c) => there.has(c) && c.s.state !== 'ESTABLISHED' && c.s.initiatorNonce === nonce,
          ),
        'no stale nonce',
      );
    }
    for (const tag of this.#localTags) {
      const c = table.byLocalTag(tag);
      must(c === undefined || (there.has(c) && c.localTag === tag), 'no stale tag of ours');
    }
    for (const { ulids, forkedInstanceIdentifier } of this.#ulids.values()) {
      const c = table.byUlids(ulids, forkedInstanceIdentifier);
      must(c === undefined || there.has(c), 'no stale ULIDs');
    }
  }
}

/** When Shim6 has something to do next, by what its contexts say of themselves (RFC 5533 §7.8, §7.12, §7.19, §9, §10.2). */
export function earliestRetry(table: ContextTable, idleTeardown: number): number {
  const times = [...table.values()].flatMap((c) => {
    const retry = c.s.state === 'ESTABLISHED' ? [] : [c.s.retryAt as number];
    if (!isContacted(c)) return retry;
    return [...retry, c.s.update?.retryAt ?? Infinity, c.lastActivity + idleTeardown];
  });
  return Math.min(...times);
}

const idsOf = new WeakMap<Deadlines, Set<number>>();
const { set } = Deadlines.prototype;

/** However often deadlines move, an engine keeps no more of them than twice its contexts, and a few. */
Deadlines.prototype.set = function (id, at) {
  const ids = idsOf.get(this) ?? new Set<number>();
  idsOf.set(this, ids.add(id));
  set.call(this, id, at);
  must(this.size <= 2 * ids.size + 80, () => `${this.size} deadlines of ${ids.size} contexts`);
};

const { add, transition } = ContextTable.prototype;
let listener: ((table: ContextTable, context: Context) => void) | undefined;

ContextTable.prototype.add = function (context) {
  add.call(this, context);
  listener?.(this, context);
};
ContextTable.prototype.transition = function (context, state) {
  transition.call(this, context, state);
  listener?.(this, context);
};

/** Runs `call`, and tells `seen` of every context that is put into a table or changes its state meanwhile. */
export function watchingTables<T>(seen: typeof listener, call: () => T): T {
  listener = seen;
  try {
    return call();
  } finally {
    listener = undefined;
  }
}
