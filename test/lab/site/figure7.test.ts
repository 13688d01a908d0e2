import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLASSIC, exitConfigurations, FAR, figure7 } from '../../../src/lab/site/figure7.js';
import { Site } from '../../../src/lab/site/site.js';
import { Watch, type Passage } from '../../../src/lab/site/watch.js';
import { parseAddress } from '../../../src/wire/address.js';
import { parsePrefix } from '../../../src/wire/prefix.js';
import { needsRoot } from '../../support/root.js';

const brief = ({ leftBy, arrived, rttMs, error }: Passage): string =>
  [
    leftBy.length === 0 ? 'nowhere' : leftBy.join('+'),
    arrived ? 'arrived' : 'lost',
    rttMs === null ? (error ?? 'silence') : 'answered',
  ].join(' ');

describe.skipIf(needsRoot() !== undefined)('the classic site of figure 7', () => {
  let site: Site;
  let watch: Watch;

  beforeEach(async () => {
    site = await Site.start(figure7(true));
    watch = new Watch(site, {
      origins: [],
      providers: [
        ['ispA', 'cust'],
        ['ispB', 'cust'],
      ],
      far: ['far', 'eth0'],
    });
    // Carriers take a moment.
    for (const source of [CLASSIC.AH, CLASSIC.AK])
      await expect
        .poll(async () => (await watch.follow('host', source, FAR)).rttMs, { timeout: 5_000 })
        .not.toBeNull();
  }, 30_000);
  afterEach(async () => {
    await site.stop();
  });

  const all = async (): Promise<Record<string, string>> => {
    const out: Record<string, string> = {};
    for (const [name, source] of Object.entries(CLASSIC))
      out[name] = brief(await watch.follow('host', source, FAR));
    return out;
  };

  it('with plain routing, what belongs to B leaves by A and is dropped by its filter', async () => {
    expect(await all()).toEqual({
      AH: 'ispA arrived answered',
      AK: 'ispA arrived answered',
      BH: 'ispA lost silence',
      BK: 'ispA lost silence',
    });
  });

  it('with [exit] on the gateways, each leaves by its own', async () => {
    const { gwA, gwB } = exitConfigurations();
    await Promise.all([site.daemon('gwA', gwA), site.daemon('gwB', gwB)]);
    expect(await all()).toEqual({
      AH: 'ispA arrived answered',
      AK: 'ispA arrived answered',
      BH: 'ispB arrived answered',
      BK: 'ispB arrived answered',
    });
    // By the other gateway as well, with one hop more for what is A's.
    site.withNetlink('host', (nl) => {
      const everything = parsePrefix('::/0');
      nl.deleteRoute({ destination: everything, index: nl.index('wlan0'), protocol: 4 });
      const gateway = parseAddress('2001:db8:b:1::2');
      nl.addRoute({ destination: everything, gateway, index: nl.index('eth0'), protocol: 4 });
    });
    expect(await all()).toEqual({
      AH: 'ispA arrived answered',
      AK: 'ispA arrived answered',
      BH: 'ispB arrived answered',
      BK: 'ispB arrived answered',
    });
  }, 30_000);

  it('when a provider’s link dies, its senders are told, and others go on', async () => {
    const { gwA, gwB } = exitConfigurations();
    await Promise.all([site.daemon('gwA', gwA), site.daemon('gwB', gwB)]);
    site.withNetlink('ispB', (nl) => nl.setLink('cust', { up: false }));
    await expect
      .poll(async () => (await watch.follow('host', CLASSIC.BH, FAR)).error, { timeout: 3_000 })
      .toBe('1/0');
    await sleep(200); // one notice in 100 ms for a source
    expect(await all()).toEqual({
      AH: 'ispA arrived answered',
      AK: 'ispA arrived answered',
      BH: 'nowhere lost 1/0',
      BK: 'nowhere lost 1/0',
    });
  }, 30_000);
});
