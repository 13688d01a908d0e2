import type { EngineEvent } from '../../engine/types.js';
import type { Millis } from '../../wire/units.js';

interface Seen {
  left: Millis | undefined;
  back: Millis | undefined;
  detection: number | undefined;
  probes: number;
}

/**
 * Times of one failure as seed 001, section 5.3 defines them. Exploration time: between leaving and coming back to
 * Operational, at one host; a host that leaves again before both are back is still exploring.
 */
export class ExplorationWatch {
  readonly #hosts = new Map<string, Seen>();
  #begun: Millis | undefined;

  constructor(hosts: readonly string[]) {
    for (const host of hosts) {
      this.#hosts.set(host, { left: undefined, back: undefined, detection: undefined, probes: 0 });
    }
  }

  /** The failure happens now: what was before is forgotten. */
  begin(now: Millis): void {
    this.#begun = now;
    for (const seen of this.#hosts.values()) {
      seen.left = undefined;
      seen.back = undefined;
      seen.detection = undefined;
      seen.probes = 0;
    }
  }

  heard(host: string, event: EngineEvent): void {
    const seen = this.#hosts.get(host);
    if (seen === undefined || this.#begun === undefined) return;
    if (event.name === 'failure-suspected') {
      seen.left ??= event.at;
      seen.back = undefined;
    } else if (event.name === 'operational' && seen.left !== undefined) {
      seen.back = event.at;
      const { probesSent } = event.detail ?? {};
      if (typeof probesSent === 'number') seen.probes += probesSent;
    }
  }

  /** Everybody has left, and come back. */
  get allBack(): boolean {
    for (const { back } of this.#hosts.values()) if (back === undefined) return false;
    return true;
  }

  /** From the failure to the first host that left, milliseconds. */
  get detection(): number | null {
    const lefts = [...this.#hosts.values()].flatMap(({ left }) => left ?? []);
    return lefts.length === 0 || this.#begun === undefined
      ? null
      : Math.min(...lefts) - this.#begun;
  }

  /** The host that noticed first. */
  get first(): string | undefined {
    let first: string | undefined;
    for (const [host, { left }] of this.#hosts) {
      const before = first === undefined ? Infinity : (this.#hosts.get(first)?.left ?? Infinity);
      if (left !== undefined && left < before) first = host;
    }
    return first;
  }

  /** Of one host, milliseconds; null: it is not back, or never left. */
  exploration(host: string): number | null {
    const { left, back } = this.#hosts.get(host) ?? {};
    return left === undefined || back === undefined ? null : back - left;
  }

  /** From the first leaving until everybody is back. */
  get together(): number | null {
    const all = [...this.#hosts.values()];
    if (!this.allBack) return null;
    return Math.max(...all.map((s) => s.back ?? NaN)) - Math.min(...all.map((s) => s.left ?? NaN));
  }

  /** Probes of the explorations that are over. */
  probes(host: string): number {
    return this.#hosts.get(host)?.probes ?? 0;
  }
}
