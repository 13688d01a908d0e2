import type { Command } from 'commander';
import type { Io } from './io.js';

/** Adds one command to the program. */
export type Register = (program: Command, io: Io) => void;

interface Entry {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Register>;
}

/**
 * Every command. Only the module of the one that is asked for is loaded: `rehome decode` must not need what
 * `rehome up` needs (koffi, the control client), and starts faster for it.
 */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  up: {
    usage: '',
    summary: 'run the daemon in the foreground',
    load: async () => (await import('./commands/up.js')).registerUp,
  },
  'check-config': {
    usage: '',
    summary: 'check a configuration file and print what it amounts to',
    load: async () => (await import('./commands/check-config.js')).registerCheckConfig,
  },
  reload: {
    usage: '',
    summary: 'make the daemon read its configuration again, keeping all contexts',
    load: async () => (await import('./commands/reload.js')).registerReload,
  },
  status: {
    usage: '',
    summary: 'is my session protected, over which path, and what happened last',
    load: async () => (await import('./commands/status.js')).registerStatus,
  },
  contexts: {
    usage: '',
    summary: 'list all contexts',
    load: async () => (await import('./commands/contexts.js')).registerContexts,
  },
  context: {
    usage: '<tag>',
    summary: 'show everything about one context',
    load: async () => (await import('./commands/context.js')).registerContext,
  },
  paths: {
    usage: '<peer>',
    summary: 'show every path to a peer and what is known of it',
    load: async () => (await import('./commands/paths.js')).registerPaths,
  },
  locators: {
    usage: '',
    summary: 'show the addresses in use, ours and those of peers',
    load: async () => (await import('./commands/locators.js')).registerLocators,
  },
  identity: {
    usage: '',
    summary: 'show the addresses that this host makes and proves, and who uses them',
    load: async () => (await import('./commands/identity.js')).registerIdentity,
  },
  exit: {
    usage: '',
    summary: 'show the uplinks of this exit router, and what it refused',
    load: async () => (await import('./commands/exit.js')).registerExit,
  },
  events: {
    usage: '',
    summary: 'show what happened',
    load: async () => (await import('./commands/events.js')).registerEvents,
  },
  establish: {
    usage: '<peer>',
    summary: 'protect traffic with a peer now, without waiting for the trigger',
    load: async () => (await import('./commands/establish.js')).registerEstablish,
  },
  explore: {
    usage: '<peer>',
    summary: 'probe all paths to a peer now, as if the current one had failed',
    load: async () => (await import('./commands/explore.js')).registerExplore,
  },
  forget: {
    usage: '<tag>',
    summary: 'drop a context without telling the peer',
    load: async () => (await import('./commands/forget.js')).registerForget,
  },
  decode: {
    usage: '',
    summary: 'print Shim6 packets from hex lines, pcap or pcapng',
    load: async () => (await import('./commands/decode.js')).registerDecode,
  },
  hba: {
    usage: '<command>',
    summary: 'make and check hash-based addresses (RFC 5535)',
    load: async () => (await import('./commands/hba.js')).registerHba,
  },
  cga: {
    usage: '<command>',
    summary: 'make and check cryptographically generated addresses (RFC 3972), sign locators',
    load: async () => (await import('./commands/cga.js')).registerCga,
  },
  sam: {
    usage: '<command>',
    summary: 'SAM zones (draft-despres-sam-03): addresses, the live zone',
    load: async () => (await import('./commands/sam.js')).registerSam,
  },
  lab: {
    usage: '',
    summary: 'two hosts, three providers each, in network namespaces',
    load: async () => (await import('./commands/lab.js')).registerLab,
  },
  sim: {
    usage: '<command>',
    summary: 'experiments with the same engine in virtual time',
    load: async () => (await import('./commands/sim.js')).registerSim,
  },
  version: {
    usage: '',
    summary: 'print the version',
    load: async () => (await import('./commands/version.js')).registerVersion,
  },
};

/** The command that `args` ask for: the first word that is neither an option nor an option's value. */
export function commandOf(args: readonly string[]): string | undefined {
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? '';
    if (word === '--socket') i++;
    else if (!word.startsWith('-')) return word === 'help' ? args[i + 1] : word;
  }
  return undefined;
}

/** Registers the command that is asked for, and the names of the others for help and for "did you mean". */
export async function registerCommands(
  program: Command,
  io: Io,
  args: readonly string[],
): Promise<void> {
  const wanted = commandOf(args);
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if (name === wanted) (await entry.load())(program, io);
    else program.command(`${name} ${entry.usage}`.trim()).description(entry.summary);
  }
}
