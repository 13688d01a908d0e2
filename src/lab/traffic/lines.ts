import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Calls `onLine` for every line a program prints; keeps the end of what it complains about. */
export class ProgramOutput {
  complaints = '';
  /** Settled when the program has ended and everything it printed was read. */
  readonly ended: Promise<number | null>;

  constructor(child: ChildProcess, onLine: (line: string) => void) {
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', onLine);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-500);
    });
    child.stdin?.on('error', () => undefined); // it ended before we told it to
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        this.complaints += error.message;
        resolve(null);
      });
      child.once('close', (code) => resolve(code));
    });
  }
}
