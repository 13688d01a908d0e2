import type {
  ContextReplyJson,
  ContextsJson,
  DoneJson,
  EstablishJson,
  EventJson,
  EventsJson,
  ExitJson,
  IdentitiesJson,
  LocatorsJson,
  PathsJson,
  ReloadJson,
  SamJson,
  StatusJson,
} from './schema.js';

/**
 * What the control server asks; the daemon answers from its engine. Methods throw RehomeError for people to read
 * (REHOME_E_NO_CONTEXT, REHOME_E_NO_PEER, REHOME_E_AMBIGUOUS, REHOME_E_CONFIG, ...).
 */
export interface ControlSource {
  status(): StatusJson;
  contexts(): ContextsJson;
  /** @param tag twelve hexadecimal digits or a unique beginning of them. */
  context(tag: string): ContextReplyJson;
  /** @param peer a ULID, any locator of the peer, its short name, or a unique beginning of an address. */
  paths(peer: string): PathsJson;
  locators(): LocatorsJson;
  identity(): IdentitiesJson;
  exit(): ExitJson;
  /** The zones as they are. REHOME_E_NO_SAM without `[sam]`. */
  sam(): SamJson;
  /** Kept events with a higher number than `since`. */
  events(since: number): EventsJson;
  /** Calls `listener` for every new event until the returned function is called. */
  follow(listener: (event: EventJson) => void): () => void;
  explore(peer: string): DoneJson;
  forget(tag: string): DoneJson;
  establish(request: EstablishJson): DoneJson;
  reload(): ReloadJson | Promise<ReloadJson>;
}
