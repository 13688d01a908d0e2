/**
 * How long answers take: mean and deviation as RFC 6298 §2 smooths them. What takes longer than four deviations beyond
 * the mean is unusual.
 */
export class ResponseTimes {
  #mean: number | undefined;
  #deviation = 0;

  /** Milliseconds. */
  get mean(): number | undefined {
    return this.#mean;
  }

  /** Milliseconds; undefined before the first sample. */
  get unusual(): number | undefined {
    return this.#mean === undefined ? undefined : this.#mean + 4 * this.#deviation;
  }

  add(sample: number): void {
    const value = Math.max(0, sample);
    if (this.#mean === undefined) {
      this.#mean = value;
      this.#deviation = value / 2;
      return;
    }
    this.#deviation += (Math.abs(this.#mean - value) - this.#deviation) / 4;
    this.#mean += (value - this.#mean) / 8;
  }
}
