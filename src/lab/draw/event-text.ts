import type { ReportEvent } from '../../sim/report.js';
import { whose, uplinkName } from '../paths.js';
import { parseAddress } from '../../wire/address.js';

/** One event on one line: `  8.002 s  A        failure-suspected  why send-timer`. */
export function eventText(event: ReportEvent): string {
  const time = `${(event.t / 1000).toFixed(3)} s`.padStart(10);
  const detail = Object.entries(event.detail)
    .map(([key, value]) => `${key} ${plain(value)}`)
    .join(', ');
  return `${time}  ${event.host.padEnd(7)}  ${event.name.padEnd(20)} ${detail}`.trimEnd();
}

const plain = (value: string | number | boolean): string =>
  typeof value === 'string'
    ? shorten(value)
    : String(typeof value === 'number' ? Math.round(value * 10) / 10 : value);

/** The lab's addresses by their short names: `a1 b2` for `2001:db8:a1::10 2001:db8:b2::10`. */
const shorten = (text: string): string =>
  text.replace(/2001:db8:[ab][123]::[0-9a-f]+/g, (found) => {
    const place = whose(parseAddress(found));
    return place === undefined ? found : uplinkName(place.host, place.uplink);
  });
