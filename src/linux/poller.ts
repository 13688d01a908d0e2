import koffi from 'koffi';

/** koffi calls back with libuv's status first; its type declarations (3.3) forget that argument. */
type PollCallback = (status: number, events: { readable: boolean }) => void;
const uvPoll = koffi.node.poll as unknown as (
  fd: number,
  options: { readable: boolean },
  callback: PollCallback,
) => Handle;

interface Handle {
  start(options: { readable: boolean }, callback: PollCallback): void;
  stop(): void;
  close(): void;
  unref(): void;
}

interface Entry {
  readonly handle: Handle;
  readonly onReadable: () => void;
  readonly onEvent: PollCallback;
  scheduled: boolean;
  errors: number;
}

/** A descriptor that reports nothing but errors this many times in a row is given up. */
const MAX_ERRORS = 16;

/**
 * Waits for raw sockets, netlink sockets, TUN devices and eventfds inside Node's own event loop (`uv_poll`, which
 * koffi exposes; libuv refuses these descriptors only for its file and stream handles). No thread, no busy loop,
 * nothing to wake at exit. Level-triggered: what a callback leaves unread is reported again in the next turn.
 */
export class FdPoller {
  readonly #entries = new Map<number, Entry>();
  readonly #keepAlive: boolean;
  #lost: ((fd: number) => void) | undefined;

  /** @param options.keepAlive - watched descriptors keep the process running (default: they don't). */
  constructor(options: { readonly keepAlive?: boolean } = {}) {
    this.#keepAlive = options.keepAlive ?? false;
  }

  /** Called when a descriptor is given up because it reports errors only (its device is gone). */
  onLost(listener: (fd: number) => void): void {
    this.#lost = listener;
  }

  /**
   * `onReadable` runs when `fd` has something to read or an error to collect; it should read until EAGAIN. An
   * exception it throws becomes an uncaught one. The poller makes `fd` non-blocking; the caller closes it, after
   * `remove`.
   */
  add(fd: number, onReadable: () => void): void {
    this.remove(fd);
    const onEvent: PollCallback = (status) => {
      if (status < 0) entry.errors++;
      else entry.errors = 0;
      if (entry.scheduled) return;
      entry.scheduled = true;
      // koffi calls outside a callback scope: promises would not run and exceptions get lost. The check phase
      // of this same turn is a proper one.
      setImmediate(() => this.#run(fd, entry, status < 0));
    };
    const handle = uvPoll(fd, { readable: true }, onEvent);
    if (!this.#keepAlive) handle.unref();
    const entry: Entry = { handle, onReadable, onEvent, scheduled: false, errors: 0 };
    this.#entries.set(fd, entry);
  }

  #run(fd: number, entry: Entry, stopped: boolean): void {
    entry.scheduled = false;
    if (this.#entries.get(fd) !== entry) return;
    try {
      entry.onReadable();
    } finally {
      // libuv stops a handle that reported an error; the read above has collected a socket's error.
      if (stopped && this.#entries.get(fd) === entry) this.#restart(fd, entry);
    }
  }

  #restart(fd: number, entry: Entry): void {
    if (entry.errors < MAX_ERRORS) {
      entry.handle.start({ readable: true }, entry.onEvent);
      return;
    }
    this.remove(fd);
    this.#lost?.(fd);
  }

  /** Stops watching; unknown descriptors are fine. After it `onReadable` is not called any more. */
  remove(fd: number): void {
    const entry = this.#entries.get(fd);
    if (entry === undefined) return;
    this.#entries.delete(fd);
    entry.handle.close();
  }

  close(): void {
    for (const fd of [...this.#entries.keys()]) this.remove(fd);
  }
}
