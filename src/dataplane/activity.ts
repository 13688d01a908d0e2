import type { ContextHandle, DataPath } from './datapath.js';

/**
 * A data path that says when there is something new, so that nobody has to poll it. The listener is called at the
 * first packet of a context after its `liveness` was last read (with its handle), and at the first packet of any
 * unprotected flow after `flows` was last read (with undefined); never twice in between.
 */
export interface NotifyingDataPath extends DataPath {
  onActivity(listener: (handle: ContextHandle | undefined) => void): void;
}

export const notifies = (dataPath: DataPath): dataPath is NotifyingDataPath =>
  typeof (dataPath as Partial<NotifyingDataPath>).onActivity === 'function';
