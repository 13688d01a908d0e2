import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { ControlError } from './errors.js';
import {
  ContextReplySchema,
  ContextsSchema,
  DEFAULT_SOCKET,
  DoneSchema,
  ErrorSchema,
  EventSchema,
  EventsSchema,
  ExitSchema,
  IdentitiesSchema,
  LocatorsSchema,
  PathsSchema,
  ReloadSchema,
  SamSchema,
  StatusSchema,
  type ContextReplyJson,
  type ContextsJson,
  type DoneJson,
  type EstablishJson,
  type EventJson,
  type EventsJson,
  type ExitJson,
  type IdentitiesJson,
  type LocatorsJson,
  type PathsJson,
  type ReloadJson,
  type SamJson,
  type StatusJson,
} from './schema.js';

export interface ControlClientOptions {
  readonly socket?: string;
  /** Milliseconds to wait for an answer; 5,000 by default. */
  readonly timeout?: number;
}

/**
 * Talks to a running daemon. Every method rejects with ControlError: the daemon's own code and remedy, or
 * REHOME_E_NOT_RUNNING, REHOME_E_PERMISSION, REHOME_E_TIMEOUT, REHOME_E_REPLY.
 */
export class ControlClient {
  readonly socket: string;
  readonly #timeout: number;

  constructor(options: ControlClientOptions = {}) {
    this.socket = options.socket ?? DEFAULT_SOCKET;
    this.#timeout = options.timeout ?? 5_000;
  }

  status(): Promise<StatusJson> {
    return this.#ask('GET', '/v1/status', StatusSchema);
  }
  contexts(): Promise<ContextsJson> {
    return this.#ask('GET', '/v1/contexts', ContextsSchema);
  }
  context(tag: string): Promise<ContextReplyJson> {
    return this.#ask('GET', `/v1/contexts/${encodeURIComponent(tag)}`, ContextReplySchema);
  }
  paths(peer: string): Promise<PathsJson> {
    return this.#ask('GET', `/v1/paths?peer=${encodeURIComponent(peer)}`, PathsSchema);
  }
  locators(): Promise<LocatorsJson> {
    return this.#ask('GET', '/v1/locators', LocatorsSchema);
  }
  exit(): Promise<ExitJson> {
    return this.#ask('GET', '/v1/exit', ExitSchema);
  }
  identity(): Promise<IdentitiesJson> {
    return this.#ask('GET', '/v1/identity', IdentitiesSchema);
  }
  sam(): Promise<SamJson> {
    return this.#ask('GET', '/v1/sam', SamSchema);
  }
  events(since = 0): Promise<EventsJson> {
    return this.#ask('GET', `/v1/events?since=${since}`, EventsSchema);
  }
  explore(peer: string): Promise<DoneJson> {
    return this.#ask('POST', '/v1/explore', DoneSchema, { peer });
  }
  forget(tag: string): Promise<DoneJson> {
    return this.#ask('POST', '/v1/forget', DoneSchema, { tag });
  }
  establish(request: EstablishJson): Promise<DoneJson> {
    return this.#ask('POST', '/v1/establish', DoneSchema, request);
  }
  reload(): Promise<ReloadJson> {
    return this.#ask('POST', '/v1/reload', ReloadSchema, {});
  }

  /** Kept events after `since`, then every new one as it happens, until `signal` or the daemon ends it. */
  async *follow(since = 0, signal?: AbortSignal): AsyncGenerator<EventJson, void, void> {
    const response = await this.#open('GET', `/v1/events?follow&since=${since}`, undefined, signal);
    if (response.statusCode !== 200) throw await failure(response);
    let rest = '';
    try {
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield validate(EventSchema, line);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw asControlError(error, this.socket);
    }
  }

  async #ask<T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const signal = AbortSignal.timeout(this.#timeout);
    try {
      const response = await this.#open(method, path, body, signal);
      if (response.statusCode !== 200) throw await failure(response);
      return validate(schema, await readAll(response));
    } catch (error) {
      throw asControlError(error, this.socket);
    }
  }

  #open(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath: this.socket,
          method,
          path,
          agent: false,
          ...(signal === undefined ? {} : { signal }),
        },
        resolve,
      );
      request.once('error', (error) => reject(asControlError(error, this.socket)));
      if (body !== undefined) {
        request.setHeader('content-type', 'application/json');
        request.write(JSON.stringify(body));
      }
      request.end();
    });
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}

function validate<T>(schema: z.ZodType<T>, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notOurs('the answer is not JSON');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw notOurs(`the answer has another form at ${issue?.path.join('.') ?? ''}`);
}

const notOurs = (what: string): ControlError =>
  new ControlError(
    'REHOME_E_REPLY',
    what,
    'is the daemon of the same version? Restart it after an upgrade, and see `rehome version`',
  );

async function failure(response: IncomingMessage): Promise<ControlError> {
  const { error } = validate(ErrorSchema, await readAll(response));
  const code = error.code.startsWith('REHOME_E_') ? error.code : 'REHOME_E_REPLY';
  return new ControlError(code as `REHOME_E_${string}`, error.message, error.remedy ?? undefined);
}

function asControlError(error: unknown, socket: string): ControlError {
  if (error instanceof ControlError) return error;
  const { code, name, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new ControlError(
        'REHOME_E_NOT_RUNNING',
        `no rehome daemon answers on ${socket}`,
        'start it with `rehome up --config FILE` (as root), or name its socket with --socket or REHOME_SOCKET',
        socket,
      );
    case 'EACCES':
    case 'EPERM':
      return new ControlError(
        'REHOME_E_PERMISSION',
        `you may not use ${socket}`,
        'run it as root, or as a member of the [control] group of the configuration',
        socket,
      );
    default:
      if (name === 'TimeoutError' || name === 'AbortError')
        return new ControlError(
          'REHOME_E_TIMEOUT',
          `the daemon on ${socket} does not answer`,
          'look at its log; is the machine overloaded?',
        );
      return new ControlError(
        'REHOME_E_REPLY',
        `talking to ${socket} failed: ${message}`,
        'is the daemon still running?',
      );
  }
}
