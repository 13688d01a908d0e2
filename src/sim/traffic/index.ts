import { askingTraffic, shellTraffic, steadyTraffic } from './datagrams.js';
import { bulkTraffic, mixTraffic } from './streams.js';
import type { Traffic, TrafficEnds, TrafficSpec } from './types.js';

export type { Traffic, TrafficEnds, TrafficModel, TrafficSpec } from './types.js';

/** The flow that a scenario's `[traffic]` describes, between these two hosts. */
export function makeTraffic(spec: TrafficSpec, ends: TrafficEnds): Traffic {
  switch (spec.model) {
    case 'cbr':
    case 'one-way':
      return steadyTraffic(ends, { ...spec });
    case 'bulk':
      return bulkTraffic(ends);
    case 'request-response':
      return askingTraffic(ends, spec);
    case 'idle-then-active':
      return shellTraffic(ends, spec);
    case 'mix':
      return mixTraffic(ends, spec);
  }
}
