import type { Progress } from '../run/runner.js';

const REDRAW = 100;
const CLEAR = '\r\u001b[K';

/** One line on a terminal that says how far a run is and how long it will take. Elsewhere: nothing. */
export class ProgressLine {
  readonly #write: ((text: string) => void) | undefined;
  readonly #began = performance.now();
  #drawn = 0;
  #shown = false;

  /** `write`: undefined where there is no terminal. */
  constructor(write: ((text: string) => void) | undefined) {
    this.#write = write;
  }

  update({ done, trials, allTrials }: Progress): void {
    const now = performance.now();
    if (this.#write === undefined || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    this.#shown = true;
    const elapsed = now - this.#began;
    const left = done > 0.01 ? `, about ${seconds((elapsed * (1 - done)) / done)} left` : '';
    this.#write(
      `${CLEAR}${String(Math.floor(100 * done)).padStart(3)} %  ${trials.toLocaleString('en')} of ${allTrials.toLocaleString('en')} trials, ${seconds(elapsed)}${left}`,
    );
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) this.#write?.(CLEAR);
  }
}

const seconds = (ms: number): string =>
  ms < 90_000 ? `${Math.round(ms / 1_000)} s` : `${(ms / 60_000).toFixed(1)} min`;
