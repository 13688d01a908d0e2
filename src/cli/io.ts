import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** Where a command reads its surroundings and writes its answer: the process, or a test. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Standard output is a terminal. */
  readonly tty: boolean;
  readonly colors: Colors;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends long-running commands (`--watch`, `--follow`). */
  readonly signal: AbortSignal;
}

/** Colour on a terminal only; NO_COLOR and FORCE_COLOR decide otherwise (no-color.org, force-color.org). */
export function wantsColor(
  env: Readonly<Record<string, string | undefined>>,
  tty: boolean,
): boolean {
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  const force = env['FORCE_COLOR'];
  if (force !== undefined && force !== '') return force !== '0';
  return tty && env['TERM'] !== 'dumb';
}

/** The real one. Interrupting ends `--watch` and `--follow` without an error. */
export function processIo(): Io {
  const tty = process.stdout.isTTY === true;
  const stop = new AbortController();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `rehome events --follow | head`
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    tty,
    colors: pc.createColors(wantsColor(process.env, tty)),
    env: process.env,
    get signal() {
      if (process.listenerCount('SIGINT') === 0) process.once('SIGINT', () => stop.abort());
      return stop.signal;
    },
  };
}

/** Text from elsewhere, made harmless for a terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '?');
