import type { z } from 'zod';
import { ControlError } from './errors.js';
import { EstablishRequest, ExploreRequest, ForgetRequest } from './schema.js';
import type { ControlSource } from './source.js';

type Handler = (source: ControlSource, url: URL, body: unknown) => unknown;

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ControlError(
    'REHOME_E_REQUEST',
    `bad request: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.replace(/ +/g, ' '),
    'see docs/control-api.md',
    body,
  );
}

/** The number after `since`; 0 when absent. */
export function sinceOf(url: URL): number {
  const text = url.searchParams.get('since') ?? '0';
  if (!/^\d{1,15}$/.test(text))
    throw new ControlError('REHOME_E_REQUEST', `since=${text} is not an event number`);
  return Number(text);
}

function peerOf(url: URL): string {
  const peer = url.searchParams.get('peer');
  if (peer === null || peer === '')
    throw new ControlError('REHOME_E_REQUEST', 'no peer given', 'add ?peer=ADDRESS');
  return peer;
}

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /v1/status': (source) => source.status(),
  'GET /v1/contexts': (source) => source.contexts(),
  'GET /v1/paths': (source, url) => source.paths(peerOf(url)),
  'GET /v1/locators': (source) => source.locators(),
  'GET /v1/identity': (source) => source.identity(),
  'GET /v1/exit': (source) => source.exit(),
  'GET /v1/sam': (source) => source.sam(),
  'GET /v1/events': (source, url) => source.events(sinceOf(url)),
  'POST /v1/explore': (source, _url, body) => source.explore(parse(ExploreRequest, body).peer),
  'POST /v1/forget': (source, _url, body) => source.forget(parse(ForgetRequest, body).tag),
  'POST /v1/establish': (source, _url, body) => source.establish(parse(EstablishRequest, body)),
  'POST /v1/reload': (source) => source.reload(),
};

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ControlError('REHOME_E_REQUEST', `${text} is not a context tag`);
  }
}

/** @throws ControlError REHOME_E_NOT_FOUND, REHOME_E_METHOD. */
export function findRoute(method: string, path: string): Handler {
  const handler = ROUTES[`${method} ${path}`];
  if (handler !== undefined) return handler;
  const context = /^\/v1\/contexts\/([^/]+)$/.exec(path)?.[1];
  if (context !== undefined && method === 'GET') return (source) => source.context(decode(context));
  const other = method === 'GET' ? 'POST' : 'GET';
  if (ROUTES[`${other} ${path}`] !== undefined || context !== undefined)
    throw new ControlError(
      'REHOME_E_METHOD',
      `${path} takes ${context === undefined ? other : 'GET'}`,
    );
  throw new ControlError(
    'REHOME_E_NOT_FOUND',
    `no such resource: ${path}`,
    'see docs/control-api.md',
  );
}
