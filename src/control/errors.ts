import { RehomeError } from '../wire/errors.js';

/** An error with a separate sentence that says what to do. */
export class ControlError extends RehomeError {
  readonly remedy: string | undefined;

  constructor(code: `REHOME_E_${string}`, message: string, remedy?: string, value?: unknown) {
    super(code, message, value);
    this.name = 'ControlError';
    this.remedy = remedy;
  }
}

/** HTTP status by error code; what is not here is the caller's mistake (400). */
const STATUS: Readonly<Record<string, number>> = {
  REHOME_E_NOT_FOUND: 404,
  REHOME_E_NO_CONTEXT: 404,
  REHOME_E_NO_PEER: 404,
  REHOME_E_NO_SAM: 404,
  REHOME_E_METHOD: 405,
  REHOME_E_AMBIGUOUS: 409,
  REHOME_E_TOO_LARGE: 413,
  REHOME_E_CONFIG: 422,
  REHOME_E_CONFIG_FILE: 422,
  REHOME_E_RESTART: 422,
  REHOME_E_BUSY: 503,
  REHOME_E_LIMIT: 503,
};

export const httpStatus = (code: string): number => STATUS[code] ?? 400;

/** What a person should do about an engine's error that says nothing of it. */
export const REMEDIES: Readonly<Record<string, string>> = {
  REHOME_E_NO_CONTEXT: 'see `rehome contexts` for the tags there are',
  REHOME_E_NO_PEER: 'see `rehome contexts` for the peers there are',
  REHOME_E_NO_LOCATOR: 'see `rehome locators` for the addresses in use',
  REHOME_E_LIMIT: 'raise max_contexts in the configuration, or forget a context',
  REHOME_E_CONFIG: 'correct the file and reload again; the running configuration is unchanged',
  REHOME_E_CONFIG_FILE: 'the running configuration is unchanged',
};
