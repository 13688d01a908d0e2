/**
 * What a decoder says of octets it refuses. Decoders return this and never throw: input from the network is not
 * exceptional. `code` is for programs, `reason` (kebab-case) is the name under which the drop is counted.
 */
export interface DecodeFailure {
  readonly ok: false;
  readonly code: `REHOME_E_${string}`;
  /** Octets from the start of the decoded unit to where it stopped making sense. */
  readonly offset: number;
  readonly reason: string;
}

export const failure = (
  code: `REHOME_E_${string}`,
  offset: number,
  reason: string,
): DecodeFailure => ({ ok: false, code, offset, reason });
