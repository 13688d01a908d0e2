import { PROFILE_STRATEGIES } from '../../reap/constants.js';
import { bind } from '../experiments/index.js';
import { builtInScenarios, loadScenario } from '../scenario/load.js';
import type { SimIo } from './io.js';

/** `rehome sim list`: the built-in scenarios. */
export function list(choice: { readonly json?: boolean }, io: SimIo): void {
  const all = builtInScenarios().map((name) => {
    const { scenario, file } = loadScenario(name);
    const trials = bind(scenario)
      .units()
      .reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const {
      title = scenario.experiment,
      profile,
      strategy = PROFILE_STRATEGIES[profile],
    } = scenario;
    return { name, title, profile, strategy, trials, file };
  });
  if (choice.json === true) {
    io.out(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const width = Math.max(...all.map(({ name }) => name.length));
  for (const { name, title, trials } of all) {
    io.out(
      `${io.colors.bold(name.padEnd(width))}  ${title}; ${trials.toLocaleString('en')} trials\n`,
    );
  }
  io.out('\nrehome sim run NAME runs one; docs/simulator.md says how to write your own.\n');
}
