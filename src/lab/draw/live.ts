import type { ReportEvent } from '../../sim/report.js';
import type { Lab } from '../lab.js';
import type { Traffic } from '../traffic/traffic.js';
import { eventText } from './event-text.js';
import type { Paint } from '../../sim/draw/paint.js';
import { formatBytes, formatRate } from '../../sim/draw/scale.js';
import { drawTopology, LEGEND } from './topology.js';

/** Where a live view writes. */
export interface Screen {
  out(text: string): void;
  /** Redraws in place; otherwise everything is a line that stays. */
  readonly tty: boolean;
  /** Width of the terminal. Default 80. */
  readonly columns?: number | undefined;
}

const REDRAW_MS = 200;
const EVENTS_SHOWN = 7;
const SPARKS = ' ▁▂▃▄▅▆▇█';
const CLEAR_LINE = '\u001b[2K';

/** The running lab for a person: the drawing with its live state, the transfer, the newest events. */
export class LiveView {
  private readonly screen: Screen;
  private readonly paint: Paint;
  private readonly events: ReportEvent[] = [];
  private drawn = 0;
  private timer: NodeJS.Timeout | undefined;
  private busy: Promise<void> = Promise.resolve();
  private lab: Lab | undefined;
  private traffic: () => Traffic | undefined = () => undefined;

  constructor(screen: Screen, paint: Paint, title: string) {
    this.screen = screen;
    this.paint = paint;
    screen.out(`${paint.strong(title)}\n`);
  }

  /** From now on there is something to draw. */
  start(lab: Lab, traffic: () => Traffic | undefined): void {
    this.lab = lab;
    this.traffic = traffic;
    this.refresh();
    if (this.screen.tty) this.timer = setInterval(() => this.refresh(), REDRAW_MS);
  }

  event(event: ReportEvent): void {
    this.events.push(event);
    if (this.screen.tty) return;
    this.screen.out(`${eventText(event)}\n`);
    if (event.name === 'cut' || event.name === 'path-changed') this.refresh();
  }

  /** Draws a last time. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.busy;
  }

  private refresh(): void {
    const { lab } = this;
    if (lab === undefined) return;
    // One drawing at a time; what comes meanwhile is in the next.
    this.busy = this.busy.then(() => this.draw(lab)).catch(() => undefined);
  }

  private async draw(lab: Lab): Promise<void> {
    const [state, current] = await Promise.all([lab.state(), lab.currentPaths()]);
    const stopped = new Set(state.paths.flatMap((p, id) => (p.parameters.stopped ? [id] : [])));
    const lines = [
      '',
      ...drawTopology({ stopped, current, locators: lab.locators() }, this.paint),
      this.paint.dim(LEGEND),
    ];
    if (this.screen.tty) lines.push('', this.transferLine(), '', ...this.newest());
    const up = this.screen.tty && this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    const clear = this.screen.tty ? CLEAR_LINE : '';
    this.screen.out(up + lines.map((line) => `${clear}${line}\n`).join(''));
    this.drawn = lines.length;
  }

  private transferLine(): string {
    const traffic = this.traffic();
    if (traffic === undefined) return 'no transfer yet';
    const { samples } = traffic;
    const total = samples.reduce((sum, s) => sum + s.bytes, 0);
    const recent = samples.slice(-160);
    const columns = Array.from({ length: 40 }, (_, i) =>
      recent.slice(4 * i, 4 * i + 4).reduce((sum, s) => sum + s.bytes, 0),
    );
    const most = Math.max(1, ...columns);
    const sparks = columns.map((c) => SPARKS[Math.ceil((c / most) * 8)] ?? ' ').join('');
    const last = samples.slice(-10);
    const span = (last.at(-1)?.at ?? 0) - (last[0]?.at ?? 0);
    const bytes = last.slice(1).reduce((sum, s) => sum + s.bytes, 0);
    const rate = span > 0 ? formatRate((bytes * 1000) / span) : '-';
    return `transfer  ${this.paint.good(sparks)} ${rate.padStart(11)}, ${formatBytes(total)}`;
  }

  private newest(): string[] {
    // A line that wraps would spoil the redrawing in place.
    const width = (this.screen.columns ?? 80) - 1;
    const lines = this.events.slice(-EVENTS_SHOWN).map((e) => eventText(e).slice(0, width));
    while (lines.length < EVENTS_SHOWN) lines.push('');
    return lines;
  }
}
