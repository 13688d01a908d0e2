import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { ControlServer } from '../control/server.js';
import type { ReloadJson } from '../control/schema.js';
import type { EngineEvent, LocalLocator } from '../engine/types.js';
import { HostEngine } from '../engine/host.js';
import { noVerification, type LocatorVerifier } from '../identity/verifier.js';
import type { Address } from '../wire/address.js';
import { RehomeError } from '../wire/errors.js';
import { hasLocators, type DaemonConfig } from './config.js';
import { changedKeys, refuseRestartKeys } from './config/diff.js';
import { EngineControlSource } from './control-source.js';
import { HostDriver } from './driver.js';
import { EventLog } from './event-log.js';
import type { ExitRouter } from './exit/router.js';
import type { IdentityKeeper, NoteDetail } from './identity/keeper.js';
import { insecure, refuseInsecure } from './identity/insecure.js';
import { openIdentity } from './identity/setup.js';
import { chooseLocators, type HostAddress } from './locators.js';
import type { Log } from './log.js';
import { provablePrefixes } from './sam/identity.js';
import { InfixMemory } from './sam/infix-memory.js';
import { StateDirectory } from './state-directory.js';
import { UlidCare } from './ulid-care.js';
import { version } from './version.js';
import type { AddressWatch, OpenedDataPath, OpenedSam, World } from './world.js';

export interface DaemonOptions {
  readonly config: DaemonConfig;
  /** Reads the configuration again. */
  readonly reread: () => DaemonConfig;
  readonly world: World;
  readonly log: Log;
}

const LOUD = new Set<EngineEvent['name']>([
  'failure-suspected',
  'establishment-failed',
  'confused',
  'limit',
]);

/** The composition root: configuration, addresses, engine, data path, driver and control API of one host. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #log: Log;
  readonly #events = new EventLog();
  /** How to take back what was done, newest last. */
  readonly #undo: { readonly what: string; readonly run: () => void | Promise<void> }[] = [];
  readonly #startedAt = Date.now();
  #config: DaemonConfig;
  #engine!: HostEngine;
  #driver!: HostDriver;
  #opened!: OpenedDataPath;
  #watch!: AddressWatch;
  #sam: OpenedSam | undefined;
  #care: UlidCare | undefined;
  #keeper: IdentityKeeper | undefined;
  #exit: ExitRouter | undefined;
  readonly #ending = new AbortController();
  /** Global addresses that came while security is "none". */
  readonly #refusedGlobal = new Set<Address>();
  #locators: readonly LocalLocator[] = [];
  #stopping: Promise<void> | undefined;

  private constructor(options: DaemonOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#log = options.log;
  }

  /**
   * Starts everything, or nothing: a start that fails takes back what it did.
   * @throws RehomeError that says what is missing or in the way.
   */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#start();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  get config(): DaemonConfig {
    return this.#config;
  }

  /** Takes back everything: control socket, timers, data path, lock. Idempotent. */
  stop(): Promise<void> {
    this.#ending.abort();
    this.#stopping ??= this.#takeBack();
    return this.#stopping;
  }

  /**
   * Reads the configuration again and applies it; contexts live on.
   * @throws ConfigError, or RehomeError REHOME_E_RESTART; nothing has changed then.
   */
  reload(): Omit<ReloadJson, 'schema' | 'now'> {
    const before = this.#config;
    const next = this.#options.reread();
    refuseRestartKeys(before, next);
    const changed = changedKeys(before, next);
    try {
      this.#apply(next);
    } catch (error) {
      this.#apply(before);
      throw error;
    }
    const contexts = this.#engine.contexts().length;
    const done =
      changed.length === 0
        ? 'nothing has changed'
        : `reloaded: ${changed.join(', ')}; ${contexts} contexts kept`;
    this.#log.info({ changed, contexts }, 'configuration reloaded');
    for (const warning of next.warnings) this.#log.warn(warning);
    return { done, changed, warnings: [...next.warnings], contexts };
  }

  async #start(): Promise<void> {
    const { world } = this.#options;
    world.check();
    this.#undoable('lock', world.lock());
    this.#openSam();
    this.#watch = world.watchAddresses(
      (addresses) => this.#addressesChanged(addresses),
      (advertised) => this.#keeper?.prefixAdvertised(advertised),
    );
    this.#undoable('address watch', () => this.#watch.close());
    const verifier = this.#openIdentity();
    this.#opened = world.openDataPath(this.#config, this.#reporter('data path'));
    this.#undoable('data path', () => this.#opened.dataPath.close());
    this.#openExit();
    this.#startEngine(verifier);
    await this.#openControl();
    await this.#startKeeper();
    this.#announce();
  }

  /** @throws RehomeError REHOME_E_SAM_..., REHOME_E_STATE, REHOME_E_NO_LINK, REHOME_E_FORWARDING, REHOME_E_DEVICE_TAKEN */
  #openSam(): void {
    const { sam, engine, addresses } = this.#config;
    if (sam === undefined) return this.#options.world.cleanUpSam();
    const opened = this.#options.world.openSam(sam, {
      memory: new InfixMemory(new StateDirectory(addresses.stateDirectory)),
      provable: engine.security !== 'none',
      onEvent: ({ name, zone, interface: index, detail }) =>
        this.#note('info', `sam-${name}`, {
          ...(zone === undefined ? {} : { zone }),
          ...(index === undefined ? {} : { ifindex: index }),
          ...detail,
        }),
      onError: (error, during) => this.#reporter(during)(error),
    });
    this.#sam = opened;
    this.#undoable('sam', () => opened.close());
  }

  /** @throws RehomeError REHOME_E_INSECURE, REHOME_E_STATE, REHOME_E_PRIVATE_KEY */
  #openIdentity(): LocatorVerifier {
    const { world } = this.#options;
    if (!this.#config.shim6) return noVerification;
    if (this.#config.engine.security === 'none') {
      refuseInsecure(this.#config, chooseLocators(this.#config, this.#watch.current()));
      return noVerification;
    }
    const control = world.controlAddresses();
    this.#undoable('address control', () => control.close());
    const { verifier, keeper } = openIdentity({
      world,
      config: this.#config,
      watch: this.#watch,
      control,
      inUse: () => this.#engine.contexts().map((c) => c.ulids.local),
      delegated: () => (this.#sam === undefined ? [] : provablePrefixes(this.#sam)),
      note: (level, name, detail) => this.#note(level, name, detail),
      signal: this.#ending.signal,
    });
    this.#keeper = keeper;
    return verifier;
  }

  /** @throws RehomeError REHOME_E_DEVICE_TAKEN, REHOME_E_SYSCALL */
  #openExit(): void {
    const exit = this.#options.world.openExit(this.#config.exit, {
      note: (level, name, detail) => this.#note(level, name, detail),
      onError: this.#reporter('exit router'),
    });
    if (exit === undefined) return;
    this.#exit = exit;
    this.#undoable('exit router', () => exit.close());
    for (const warning of exit.view().warnings) this.#log.warn(warning);
  }

  async #startKeeper(): Promise<void> {
    const keeper = this.#keeper;
    if (keeper === undefined) return;
    this.#undoable('addresses', () => keeper.stop());
    await keeper.start();
  }

  #startEngine(verifier: LocatorVerifier): void {
    const { clock, random } = this.#options.world;
    this.#engine = new HostEngine({
      config: this.#config.engine,
      random,
      now: clock.now(),
      verifier,
      firstGeneration: Math.floor(Date.now() / 1_000),
    });
    this.#driver = new HostDriver({
      engine: this.#engine,
      dataPath: this.#opened.dataPath,
      clock,
      onEvent: (event) => this.#record(event),
      onError: (error, during) => this.#reporter(during)(error),
    });
    this.#driver.start();
    this.#undoable('driver', () => this.#driver.stop());
    this.#locators = this.#choose(this.#watch.current());
    this.#driver.setLocalLocators(this.#locators);
    this.#startCare();
  }

  #startCare(): void {
    const { clock, connectedPairs } = this.#options.world;
    const care = new UlidCare({
      clock,
      connectedPairs,
      inUse: (pairs) => this.#driver.inUse(pairs),
      invalidate: (ulid) => this.#driver.invalidateUlid(ulid),
      onError: this.#reporter('sockets in use'),
    });
    care.start(this.#watch.current());
    this.#care = care;
    this.#undoable('care of ULIDs', () => care.stop());
  }

  /** What the configuration wants and the data path can serve. */
  #choose(addresses: readonly HostAddress[]): readonly LocalLocator[] {
    if (!hasLocators(this.#config)) return [];
    const chosen = chooseLocators(this.#config, addresses);
    const refused = insecure(this.#config, chosen);
    for (const { address } of refused.filter((l) => !this.#refusedGlobal.has(l.address))) {
      this.#refusedGlobal.add(address);
      this.#log.warn({ address }, 'not used: a global address, and security is "none"');
    }
    const served = this.#opened.serve(chosen.filter((l) => !refused.includes(l)));
    const device = this.#sam?.device.index;
    this.#sam?.setWatched(served.some((l) => l.ifindex === device));
    return served;
  }

  async #openControl(): Promise<void> {
    const { socket, mode, group } = this.#config.control;
    const { world } = this.#options;
    mkdirSync(dirname(socket), { recursive: true, mode: 0o755 });
    const source = new EngineControlSource(
      {
        engine: this.#engine,
        driver: this.#driver,
        now: () => world.clock.now(),
        dataPath: () => ({
          name: this.#opened.dataPath.name,
          counters: this.#opened.dataPath.counters(),
        }),
        config: () => this.#config,
        reload: () => this.reload(),
        identity: () => this.#keeper,
        exit: () => this.#exit?.view(),
        addresses: () => this.#watch.current(),
        sam: () => this.#sam,
        version: version(),
        startedAt: this.#startedAt,
      },
      this.#events,
    );
    const server = new ControlServer(source, {
      socket,
      mode,
      ...(group === undefined ? {} : { gid: world.groupId(group) }),
      onError: this.#reporter('control API'),
    });
    this.#undoable('control socket', () => server.close());
    await server.listen();
  }

  #announce(): void {
    for (const warning of this.#config.warnings) this.#log.warn(warning);
    if (this.#config.shim6 && this.#locators.length === 0 && this.#sam === undefined)
      this.#log.warn('no address of this host may be a locator yet: see interfaces and prefixes');
    if (this.#locators.length === 1)
      this.#log.warn({ locator: this.#locators[0]?.address }, 'only one locator: nowhere to go');
    this.#log.info(
      {
        version: version(),
        pid: process.pid,
        config: this.#config.file,
        socket: this.#config.control.socket,
        profile: this.#config.engine.profile,
        security: this.#config.engine.security,
        dataPath: this.#opened.dataPath.name,
        ...(this.#config.sam === undefined ? {} : { sam: this.#config.sam.role }),
        locators: this.#locators.map((l) => l.address),
      },
      'ready',
    );
  }

  #apply(config: DaemonConfig): void {
    this.#driver.configure(config.engine);
    const given = JSON.stringify(config.sam?.providers);
    if (config.sam !== undefined && given !== JSON.stringify(this.#config.sam?.providers))
      this.#sam?.setProviders(config.sam.providers);
    this.#config = config;
    this.#log.level = config.log.level;
    this.#addressesChanged(this.#watch.current());
  }

  #addressesChanged(addresses: readonly HostAddress[]): void {
    if (this.#driver === undefined || this.#stopping !== undefined) return;
    this.#care?.addressesChanged(addresses);
    this.#keeper?.addressesChanged();
    const next = this.#choose(addresses);
    if (JSON.stringify(next) === JSON.stringify(this.#locators)) return;
    this.#logLocators(next);
    this.#locators = next;
    this.#driver.setLocalLocators(next);
  }

  #logLocators(next: readonly LocalLocator[]): void {
    const usable = (l: readonly LocalLocator[]): string[] =>
      l.filter((x) => x.operational).map((x) => x.address);
    this.#log.info(
      { usable: usable(next), before: usable(this.#locators), total: next.length },
      'locators changed',
    );
  }

  #record(event: EngineEvent): void {
    const { clock } = this.#options.world;
    const at = new Date(Date.now() - (clock.now() - event.at)).toISOString();
    const { name, tag, ulids, detail } = this.#events.add(event, at);
    const fields = { tag, local: ulids?.local, peer: ulids?.peer, ...detail };
    this.#log[LOUD.has(event.name) ? 'warn' : 'info'](fields, name);
  }

  /** Something about the host itself, for the log and for `rehome events`. */
  #note(level: 'info' | 'warn' | 'error', name: string, detail: NoteDetail): void {
    this.#events.note(name, detail, new Date().toISOString());
    this.#log[level]({ ...detail }, name);
  }

  #reporter(during: string): (error: unknown) => void {
    return (error) => {
      const code = error instanceof RehomeError ? error.code : undefined;
      const stack =
        error instanceof RehomeError || !(error instanceof Error) ? undefined : error.stack;
      const message = error instanceof Error ? error.message : String(error);
      this.#log.error({ during, code, stack }, message);
    };
  }

  #undoable(what: string, run: () => void | Promise<void>): void {
    this.#undo.push({ what, run });
  }

  async #takeBack(): Promise<void> {
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) {
      try {
        await step.run();
      } catch (error) {
        this.#reporter(`stopping: ${step.what}`)(error);
      }
    }
  }
}
