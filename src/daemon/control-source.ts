import { ControlError } from '../control/errors.js';
import {
  API_VERSION,
  type ContextReplyJson,
  type ContextsJson,
  type DoneJson,
  type EstablishJson,
  type EventJson,
  type EventsJson,
  type ExitJson,
  type IdentitiesJson,
  type LocatorsJson,
  type PathsJson,
  type ReloadJson,
  type SamJson,
  type SessionJson,
  type StatusJson,
} from '../control/schema.js';
import type { ControlSource } from '../control/source.js';
import type { ContextView, HostEngineApi, LocalLocator } from '../engine/types.js';
import { commonPrefixLength, parseAddress, type Address } from '../wire/address.js';
import type { Millis } from '../wire/units.js';
import { nameOf, type DaemonConfig } from './config.js';
import type { HostDriver } from './driver.js';
import type { EventLog } from './event-log.js';
import type { ExitView } from './exit/router.js';
import { exitJson } from './exit/views.js';
import { identitiesJson, kindOf } from './identity/views.js';
import type { IdentityKeeper } from './identity/keeper.js';
import type { HostAddress } from './locators.js';
import { samJson, samStatus } from './sam/json.js';
import type { OpenedSam } from './world.js';
import { resolvePeer, resolveTag, type ResolvedPeer } from './resolve.js';
import { contextJson, locatorJson, pathJson, sessionJson, type ViewTools } from './views.js';

/** What the control source needs of the rest of the daemon. */
export interface DaemonAccess {
  readonly engine: Pick<HostEngineApi, 'contexts' | 'localLocators' | 'refusals' | 'counters'>;
  now(): Millis;
  /** Calls the engine and carries out what it wants done; an error of the engine comes through. */
  readonly driver: Pick<HostDriver, 'establish' | 'explore' | 'forget' | 'counters'>;
  dataPath(): { readonly name: string; readonly counters: Readonly<Record<string, number>> };
  config(): DaemonConfig;
  reload(): Omit<ReloadJson, 'schema' | 'now'>;
  /** Undefined with security "none". */
  identity(): IdentityKeeper | undefined;
  /** Undefined: this host is no exit router. */
  exit(): ExitView | undefined;
  addresses(): readonly HostAddress[];
  /** Undefined without `[sam]`. */
  sam(): OpenedSam | undefined;
  readonly version: string;
  /** Milliseconds of the wall clock. */
  readonly startedAt: number;
}

const SESSIONS_SHOWN = 100;
const RANK: Record<SessionJson['health'], number> = {
  exploring: 0,
  establishing: 1,
  rehomed: 2,
  protected: 3,
  unprotected: 4,
};

/** Answers the control API from the engine's views. */
export class EngineControlSource implements ControlSource {
  readonly #daemon: DaemonAccess;
  readonly #events: EventLog;

  constructor(daemon: DaemonAccess, events: EventLog) {
    this.#daemon = daemon;
    this.#events = events;
  }

  status(): StatusJson {
    const { engine } = this.#daemon;
    const config = this.#daemon.config();
    const tools = this.#tools();
    const contexts = engine.contexts();
    const refusals = engine.refusals();
    const sessions = contexts
      .map((c) => sessionJson(c, tools))
      .filter((s) => s.health !== 'unprotected')
      .sort(
        (a, b) => RANK[a.health] - RANK[b.health] || (b.since ?? '').localeCompare(a.since ?? ''),
      );
    const count = (...health: SessionJson['health'][]): number =>
      sessions.filter((s) => health.includes(s.health)).length;
    const local = engine.localLocators();
    const dataPath = this.#daemon.dataPath();
    return {
      ...this.#envelope(),
      daemon: {
        version: this.#daemon.version,
        pid: process.pid,
        startedAt: new Date(this.#daemon.startedAt).toISOString(),
        config: config.file,
        profile: config.engine.profile,
        security: config.engine.security,
        dataPath: dataPath.name,
      },
      warnings: [...config.warnings],
      summary: {
        sessions: sessions.length,
        protected: count('protected', 'rehomed', 'exploring'),
        rehomed: count('rehomed'),
        exploring: count('exploring'),
        establishing: count('establishing'),
        refused: refusals.length,
      },
      names: this.#names(contexts, local),
      sessions: sessions.slice(0, SESSIONS_SHOWN),
      sessionsOmitted: Math.max(0, sessions.length - SESSIONS_SHOWN),
      lastEvent: this.#events.last(),
      locators: { total: local.length, operational: local.filter((l) => l.operational).length },
      refusals: refusals.map((r) => ({ ...r, until: tools.wall(r.until) })),
      counters: {
        engine: { ...engine.counters(), ...this.#daemon.driver.counters() },
        dataPath: { ...dataPath.counters },
        sam: { ...this.#daemon.sam()?.counters() },
      },
      sam: samStatus(config.sam, this.#daemon.sam()),
    };
  }

  contexts(): ContextsJson {
    const tools = this.#tools();
    const contexts = this.#daemon.engine.contexts().map((c) => contextJson(c, tools));
    return { ...this.#envelope(), contexts };
  }

  context(tag: string): ContextReplyJson {
    const tools = this.#tools();
    const view = resolveTag(tag, this.#daemon.engine.contexts());
    const context = contextJson(view, tools);
    return {
      ...this.#envelope(),
      context,
      paths: (view.reap?.pairs ?? []).map((p) => pathJson(p, tools)),
      events: context.tag === null ? [] : this.#events.of(context.tag),
    };
  }

  paths(peer: string): PathsJson {
    const tools = this.#tools();
    const { address, contexts } = this.#peer(peer);
    return {
      ...this.#envelope(),
      peer: address,
      names: this.#names(contexts, this.#daemon.engine.localLocators()),
      contexts: contexts.map((c) => ({
        session: sessionJson(c, tools),
        paths: (c.reap?.pairs ?? []).map((p) => pathJson(p, tools)),
      })),
    };
  }

  locators(): LocatorsJson {
    const tools = this.#tools();
    const peers = new Map<Address, ContextView>();
    for (const c of this.#daemon.engine.contexts()) {
      const known = peers.get(c.ulids.peer);
      if (known === undefined || known.peerLocators.length < c.peerLocators.length)
        peers.set(c.ulids.peer, c);
    }
    return {
      ...this.#envelope(),
      local: this.#daemon.engine.localLocators().map((l) => ({
        address: l.address,
        name: tools.nameOf(l.address) ?? null,
        interface: l.interfaceName,
        operational: l.operational,
        deprecated: l.deprecated,
        transient: l.transient,
        priority: l.priority,
        weight: l.weight,
        identity: kindOf(this.#daemon.identity(), l.address),
      })),
      peers: [...peers].map(([ulid, c]) => ({
        ulid,
        locators: c.peerLocators.map((l) => locatorJson(l, tools)),
      })),
    };
  }

  exit(): ExitJson {
    return { ...this.#envelope(), ...exitJson(this.#daemon.exit()) };
  }

  identity(): IdentitiesJson {
    const config = this.#daemon.config();
    const keeper = this.#daemon.identity();
    return {
      ...this.#envelope(),
      security: config.engine.security,
      stateDirectory: keeper === undefined ? null : config.addresses.stateDirectory,
      identities:
        keeper === undefined
          ? []
          : identitiesJson(keeper, {
              addresses: this.#daemon.addresses(),
              contexts: this.#daemon.engine.contexts(),
              nameOf: this.#tools().nameOf,
            }),
    };
  }

  sam(): SamJson {
    const { sam } = this.#daemon.config();
    const opened = this.#daemon.sam();
    if (sam === undefined || opened === undefined)
      throw new ControlError(
        'REHOME_E_NO_SAM',
        'this daemon is in no zone',
        'add [sam] with a role to its configuration (docs/config.md) and restart it',
      );
    return { ...this.#envelope(), ...samJson(sam, opened) };
  }

  events(since: number): EventsJson {
    return { ...this.#envelope(), ...this.#events.since(since) };
  }

  follow(listener: (event: EventJson) => void): () => void {
    return this.#events.follow(listener);
  }

  explore(text: string): DoneJson {
    const { address, contexts } = this.#peer(text);
    this.#daemon.driver.explore(address);
    const tags = this.#tagsOf(contexts);
    return this.#done(`exploring all paths to ${address} (${tags.length} contexts)`, tags);
  }

  forget(text: string): DoneJson {
    const view = resolveTag(text, this.#daemon.engine.contexts());
    const { localTag, ulids } = view;
    if (localTag === undefined)
      throw new ControlError(
        'REHOME_E_NO_CONTEXT',
        `the context with ${ulids.peer} has no tag yet`,
      );
    this.#daemon.driver.forget(localTag);
    return this.#done(`forgot the context ${ulids.local} -> ${ulids.peer}`, this.#tagsOf([view]));
  }

  establish(request: EstablishJson): DoneJson {
    const peer = parseAddress(request.peer);
    const local =
      request.local === undefined
        ? bestLocal(peer, this.#daemon.engine.localLocators(), this.#daemon.identity())
        : parseAddress(request.local);
    this.#daemon.driver.establish({ local, peer }, request.forkedInstanceIdentifier);
    const contexts = this.#daemon.engine
      .contexts()
      .filter((c) => c.ulids.local === local && c.ulids.peer === peer);
    return this.#done(`establishing a context ${local} -> ${peer}`, this.#tagsOf(contexts));
  }

  reload(): ReloadJson {
    return { ...this.#envelope(), ...this.#daemon.reload() };
  }

  #peer(text: string): ResolvedPeer {
    return resolvePeer(text, this.#daemon.engine.contexts(), this.#tools().nameOf);
  }

  #envelope(): { schema: typeof API_VERSION; now: string } {
    return { schema: API_VERSION, now: new Date().toISOString() };
  }

  #done(done: string, tags: string[]): DoneJson {
    return { ...this.#envelope(), done, tags };
  }

  #tagsOf(contexts: readonly ContextView[]): string[] {
    const tools = this.#tools();
    return contexts.flatMap((c) => sessionJson(c, tools).tag ?? []);
  }

  #tools(): ViewTools {
    const offset = Date.now() - this.#daemon.now();
    const config = this.#daemon.config();
    return {
      wall: (at) => new Date(offset + at).toISOString(),
      nameOf: (address) => nameOf(config, address),
      events: this.#events,
    };
  }

  #names(contexts: readonly ContextView[], local: readonly LocalLocator[]): Record<string, string> {
    const config = this.#daemon.config();
    if (config.names.length === 0) return {};
    const names: Record<string, string> = {};
    const note = (address: Address): void => {
      const name = nameOf(config, address);
      if (name !== undefined) names[address] = name;
    };
    local.forEach((l) => note(l.address));
    for (const c of contexts) {
      [c.ulids.local, c.ulids.peer, c.pair.local, c.pair.peer].forEach(note);
      [...c.localLocators, ...c.peerLocators].forEach((l) => note(l.address));
    }
    return names;
  }
}

/** The address to start from when nobody says: usable, proven, preferred, then the nearest to the peer. */
function bestLocal(
  peer: Address,
  locators: readonly LocalLocator[],
  keeper: IdentityKeeper | undefined,
): Address {
  const proven = (l: LocalLocator): number => Number(kindOf(keeper, l.address) !== null);
  const [best] = [...locators].sort(
    (a, b) =>
      Number(b.operational) - Number(a.operational) ||
      proven(b) - proven(a) ||
      Number(a.deprecated) - Number(b.deprecated) ||
      a.priority - b.priority ||
      commonPrefixLength(b.address, peer) - commonPrefixLength(a.address, peer),
  );
  if (best === undefined)
    throw new ControlError(
      'REHOME_E_NO_LOCATOR',
      'no address of this host may be used as a locator',
    );
  return best.address;
}
