import type { Colors } from '../draw/paint.js';

/** Where a command of the simulator writes; the command line's own (src/cli/io.ts) has this form. */
export interface SimIo {
  out(text: string): void;
  err(text: string): void;
  readonly tty: boolean;
  readonly colors: Colors;
  readonly signal: AbortSignal;
}
