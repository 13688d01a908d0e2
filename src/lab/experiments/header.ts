import type { SecurityMode } from '../../engine/types.js';
import { captionOf, headerOf, type RunHeader } from '../../sim/run/header.js';
import type { Scenario } from '../../sim/scenario/schema.js';

/** The first line of a lab's results file. */
export interface LabHeader extends RunHeader {
  readonly schema: 'rehome.lab/1';
  readonly identity: SecurityMode;
  /** What the lab left out of the scenario, and why. */
  readonly left: readonly string[];
}

export function labHeader(
  name: string,
  scenario: Scenario,
  { identity, labs }: { readonly identity: SecurityMode; readonly labs: number },
  left: readonly string[],
): LabHeader {
  const header = headerOf({ name }, scenario);
  const command = `${header.command.replace('rehome sim run', 'rehome lab run')} --identity ${identity} --labs ${labs}`;
  return { ...header, schema: 'rehome.lab/1', command, identity, left };
}

/** What stands below a figure of both. */
export const bothCaption = (sim: RunHeader, lab: RunHeader): string =>
  `sim: ${captionOf(sim)}. lab (dashed): ${captionOf(lab)}`;
