import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { RehomeError } from '../wire/errors.js';
import { ControlError, httpStatus, REMEDIES } from './errors.js';
import { streamEvents } from './event-stream.js';
import { findRoute } from './routes.js';
import type { ErrorJson } from './schema.js';
import type { ControlSource } from './source.js';

export interface ControlServerOptions {
  /** Absolute path. A socket nobody listens on is replaced; anything else there is left alone. */
  readonly socket: string;
  /** 0o600, or 0o660 with `gid`. */
  readonly mode?: number;
  readonly gid?: number;
  /** Says no to a peer by its credentials, where the caller can read them. */
  readonly admit?: (socket: Socket) => boolean;
  /** Told of what the API cannot answer for: a bug. */
  readonly onError?: (error: unknown) => void;
}

/** Octets of a request body. */
const MAX_BODY = 64 * 1024;
const MAX_CONNECTIONS = 64;
/** Requests name resources by their path alone. */
const BASE = 'http://rehome';

/** HTTP and JSON over a Unix socket; the interface is `docs/control-api.md`. */
export class ControlServer {
  readonly #source: ControlSource;
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #followers = new Set<() => void>();
  #listening = false;

  constructor(source: ControlSource, options: ControlServerOptions) {
    this.#source = source;
    this.#options = options;
    this.#server = createServer({ maxHeaderSize: 8_192, requestTimeout: 10_000 });
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.keepAliveTimeout = 5_000;
    this.#server.on('connection', (socket: Socket) => {
      if (options.admit !== undefined && !options.admit(socket)) socket.destroy();
    });
    this.#server.on('request', (request, response) => void this.#handle(request, response));
  }

  /** @throws RehomeError REHOME_E_RUNNING when another daemon answers there; REHOME_E_SOCKET. */
  async listen(): Promise<void> {
    const { socket, mode = 0o600, gid } = this.#options;
    await removeStaleSocket(socket);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new RehomeError(
            'REHOME_E_SOCKET',
            `cannot listen on ${socket} (${error.code ?? error.message}): does its directory exist, and may you write there?`,
            socket,
          ),
        ),
      );
      // The socket is made inside listen(): nobody else may reach it before its mode is set.
      const before = process.umask(0o177);
      try {
        this.#server.listen(socket, () => resolve());
      } finally {
        process.umask(before);
      }
    });
    this.#listening = true;
    if (gid !== undefined) chownSync(socket, -1, gid);
    chmodSync(socket, mode);
  }

  /** Ends every connection and removes the socket. Idempotent. */
  async close(): Promise<void> {
    for (const stop of [...this.#followers]) stop();
    if (!this.#listening) return;
    this.#listening = false;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
    try {
      unlinkSync(this.#options.socket);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = urlOf(request);
      const body = request.method === 'POST' ? await readBody(request) : undefined;
      if (
        url.pathname === '/v1/events' &&
        request.method === 'GET' &&
        url.searchParams.has('follow')
      ) {
        streamEvents(this.#source, url, response, this.#followers);
        return;
      }
      const handler = findRoute(request.method ?? 'GET', url.pathname);
      reply(response, 200, await handler(this.#source, url, body));
    } catch (error) {
      // Nobody is left to answer, and nothing is wrong with us.
      if (hasGone(request, error)) return;
      this.#fail(response, error);
    }
  }

  #fail(response: ServerResponse, error: unknown): void {
    if (error instanceof RehomeError) {
      reply(response, httpStatus(error.code), errorJson(error));
      return;
    }
    this.#options.onError?.(error);
    const message = error instanceof Error ? error.message : String(error);
    const body: ErrorJson = {
      error: {
        code: 'REHOME_E_INTERNAL',
        message: `internal error: ${message}`,
        remedy: 'please report it together with the log of the daemon',
      },
    };
    reply(response, 500, body);
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function urlOf(request: IncomingMessage): URL {
  const text = request.url ?? '/';
  if (URL.canParse(text, BASE)) return new URL(text, BASE);
  throw new ControlError('REHOME_E_REQUEST', `${text} is not the path of a resource`);
}

/** The client hung up before its request was complete. */
const hasGone = (request: IncomingMessage, error: unknown): boolean =>
  !request.complete && (error as NodeJS.ErrnoException).code === 'ECONNRESET';

const errorJson = (error: RehomeError): ErrorJson => ({
  error: {
    code: error.code,
    message: error.message,
    remedy:
      (error instanceof ControlError ? error.remedy : undefined) ?? REMEDIES[error.code] ?? null,
  },
});

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY)
      throw new ControlError('REHOME_E_TOO_LARGE', `request body over ${MAX_BODY} octets`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ControlError('REHOME_E_REQUEST', 'the request body is not JSON');
  }
}

/** Removes a socket that nobody listens on any more (its daemon was killed). */
async function removeStaleSocket(path: string): Promise<void> {
  const outcome = await new Promise<string>((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve('answers');
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
  });
  if (outcome === 'ENOENT') return;
  // A regular file refuses connections, too.
  if (outcome === 'ECONNREFUSED' && lstatSync(path).isSocket()) {
    unlinkSync(path);
    return;
  }
  if (outcome === 'answers')
    throw new RehomeError(
      'REHOME_E_RUNNING',
      `a rehome daemon already answers on ${path}; stop it first, or give this one another [control] socket`,
      path,
    );
  throw new RehomeError(
    'REHOME_E_SOCKET',
    `cannot use ${path} as control socket (${outcome})`,
    path,
  );
}
