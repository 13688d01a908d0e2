import { RehomeError } from '../../wire/errors.js';
import { whyNoLab } from '../capability.js';
import { Lab } from '../lab.js';
import { LabServer } from '../server.js';
import { bytesPerSecond, type NetworkChoice } from './options.js';

/** A lab that answers `rehome lab status|cut|restore|down`. */
export interface ServedLab {
  readonly lab: Lab;
  stop(): Promise<void>;
}

/** @throws RehomeError REHOME_E_LAB when this machine or user cannot have one */
export async function startServed(choice: NetworkChoice, onDown: () => void): Promise<ServedLab> {
  const obstacle = whyNoLab();
  if (obstacle !== undefined) {
    throw new RehomeError(
      'REHOME_E_LAB',
      `${obstacle}; \`rehome lab failover\` runs on the in-memory network instead`,
    );
  }
  const lab = await Lab.start({
    mtu: choice.mtu,
    seed: choice.seed,
    paths: { delayMs: choice.delay, rate: bytesPerSecond(choice.rate) },
    daemon: { profile: choice.profile, identity: choice.identity },
  });
  try {
    const server = await LabServer.start(lab, onDown);
    return {
      lab,
      stop: async () => {
        server.close();
        await lab.stop();
      },
    };
  } catch (error) {
    await lab.stop();
    throw error;
  }
}
