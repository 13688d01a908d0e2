/**
 * Every error of rehome carries a stable code (`REHOME_E_...`), a sentence that says what to do, and the
 * offending value. Programs match on `code`; people read `message`.
 */
export class RehomeError extends Error {
  readonly code: string;
  readonly value: unknown;

  constructor(
    code: `REHOME_E_${string}`,
    message: string,
    value?: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RehomeError';
    this.code = code;
    this.value = value;
  }
}

/** Octets that are not what they claim to be. `offset` counts octets from the start of the decoded unit. */
export class WireError extends RehomeError {
  readonly offset: number;

  constructor(code: `REHOME_E_${string}`, message: string, offset: number, value?: unknown) {
    super(code, message, value);
    this.name = 'WireError';
    this.offset = offset;
  }
}
