import type { ProbeState } from '../../src/wire/shim6/index.js';

/** The tables of §6.1 to §6.9 once more, as data: what is sent and what comes next. */
export type Event = 'payload in' | 'payload out' | 'keepalive' | ProbeState;
export const TABLE: Readonly<
  Record<Event, Readonly<Record<ProbeState, readonly [string, ProbeState]>>>
> = {
  'payload in': {
    operational: ['', 'operational'],
    exploring: ['inboundOk', 'inboundOk'],
    inboundOk: ['', 'inboundOk'],
  },
  'payload out': {
    operational: ['', 'operational'],
    exploring: ['', 'exploring'],
    inboundOk: ['', 'inboundOk'],
  },
  keepalive: {
    operational: ['', 'operational'],
    exploring: ['inboundOk', 'inboundOk'],
    inboundOk: ['', 'inboundOk'],
  },
  exploring: {
    operational: ['inboundOk', 'inboundOk'],
    exploring: ['inboundOk', 'inboundOk'],
    inboundOk: ['inboundOk', 'inboundOk'],
  },
  inboundOk: {
    operational: ['operational', 'operational'],
    exploring: ['operational', 'operational'],
    inboundOk: ['operational', 'operational'],
  },
  operational: {
    operational: ['', 'operational'],
    exploring: ['', 'operational'],
    inboundOk: ['', 'operational'],
  },
};
