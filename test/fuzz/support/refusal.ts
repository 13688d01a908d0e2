import type { DecodeFailure } from '../../../src/wire/result.js';
import { note } from '../harness/coverage.js';
import { must } from '../harness/target.js';
import { show } from './equal.js';

/**
 * A refusal has a stable code, a reason in kebab case under which it is counted, and an offset inside the octets.
 * Returns the success.
 */
export function soundly<T extends { readonly ok: boolean }>(
  result: T,
  length: number,
): Extract<T, { ok: true }> | undefined {
  if (isSuccess(result)) return result;
  if (isFailure(result)) refusal(result, length);
  return undefined;
}

const isSuccess = <T extends { readonly ok: boolean }>(r: T): r is Extract<T, { ok: true }> => r.ok;
const isFailure = (r: object): r is DecodeFailure => 'reason' in r && 'code' in r;

function refusal(result: DecodeFailure, length: number): void {
  note(result.reason);
  must(
    /^[a-z0-9]+(-[a-z0-9]+)*$/.test(result.reason) &&
      /^REHOME_E_[A-Z0-9]+(_[A-Z0-9]+)*$/.test(result.code) &&
      Number.isInteger(result.offset) &&
      result.offset >= 0 &&
      result.offset <= length,
    () => `an unsound refusal of ${length} octets: ${show(result)}`,
  );
}
