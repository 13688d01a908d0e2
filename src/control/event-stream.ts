import type { ServerResponse } from 'node:http';
import { ControlError } from './errors.js';
import { sinceOf } from './routes.js';
import type { EventJson } from './schema.js';
import type { ControlSource } from './source.js';

const MAX_FOLLOWERS = 16;
/** Octets a follower may lag behind before it is cut off: it must not eat the daemon's memory. */
const MAX_BACKLOG = 1024 * 1024;

/**
 * Answers GET /v1/events?follow: kept events after `since`, then every new one, one JSON object a line.
 * @throws ControlError REHOME_E_BUSY when too many follow already.
 */
export function streamEvents(
  source: ControlSource,
  url: URL,
  response: ServerResponse,
  followers: Set<() => void>,
): void {
  if (followers.size >= MAX_FOLLOWERS)
    throw new ControlError('REHOME_E_BUSY', `${MAX_FOLLOWERS} programs follow the events already`);
  const kept = source.events(sinceOf(url)).events;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  // The connection and not the answer: one that waits behind another on the same connection is not told of its end.
  const { socket } = response.req;
  const stop = (): void => {
    socket.off('close', stop);
    unfollow();
    followers.delete(stop);
    response.end();
  };
  const write = (event: EventJson): void => {
    response.write(`${JSON.stringify(event)}\n`);
    if (response.writableLength > MAX_BACKLOG) {
      stop();
      response.destroy();
    }
  };
  const unfollow = source.follow(write);
  followers.add(stop);
  socket.once('close', stop);
  for (const event of kept) write(event);
}
