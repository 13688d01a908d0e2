import { RehomeError } from '../wire/errors.js';

/** Every way in which bits are no SAM address, prefix or infix; what each means is in docs/sam.md. */
export type SamCode =
  | 'REHOME_E_SAM_CONSTANT'
  | 'REHOME_E_SAM_SUBNET_LENGTH'
  | 'REHOME_E_SAM_SUBNET_STRAY'
  | 'REHOME_E_SAM_IID_TAG'
  | 'REHOME_E_SAM_IID_LENGTH'
  | 'REHOME_E_SAM_IID_STRAY'
  | 'REHOME_E_SAM_EMPTY'
  | 'REHOME_E_SAM_FORMAT'
  | 'REHOME_E_SAM_STRAY'
  | 'REHOME_E_SAM_TOO_LONG'
  | 'REHOME_E_SAM_OUTSIDE'
  | 'REHOME_E_SAM_LENGTH';

/**
 * What a decoder says of bits it refuses. Decoders return it and never throw: addresses come from the network. `bit` is
 * where it stopped making sense, counted from 0 at the left of the address.
 */
export interface SamFailure {
  readonly ok: false;
  readonly code: SamCode;
  /** Kebab-case, the name under which it is counted. */
  readonly reason: string;
  readonly bit: number;
  /** A sentence for people, without the address itself. */
  readonly message: string;
}

export const samFailure = (
  code: SamCode,
  reason: string,
  bit: number,
  message: string,
): SamFailure => ({ ok: false, code, reason, bit, message });

/**
 * The value of a result, for callers whose input is configuration: there a refusal is exceptional.
 * @throws RehomeError with the failure's code
 */
export function required<T extends { readonly ok: true }>(
  result: T | SamFailure,
  what: unknown,
): T {
  if (result.ok) return result;
  throw new RehomeError(result.code, `${String(what)}: ${result.message}`, what);
}
