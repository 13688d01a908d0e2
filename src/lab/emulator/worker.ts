/**
 * The emulator's thread: sleeps in poll() until a packet comes, one falls due, or the lab has a command. A thread of
 * its own, so that nothing the lab does delays a packet.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { EAGAIN, EINTR, poll, POLLERR, POLLIN, read, write } from '../../linux/syscalls.js';
import { errnoName } from '../../linux/libc.js';
import { monotonicMs } from '../../linux/clock.js';
import { PacketCapture } from './capture.js';
import { Forwarder, type FrameDevice } from './forwarder.js';
import type { EmulatorAnswer, EmulatorCommand, EmulatorStart } from './messages.js';

/** Never sleeps longer, so that the thread notices when the process wants to end. */
const LONGEST_SLEEP = 500;

const start = workerData as EmulatorStart;
const port = parentPort;
if (port === null) throw new Error('to be started as a worker');

const device: FrameDevice = {
  read(buffer) {
    const length = read(start.tun, buffer);
    if (length < 0 && length !== -EAGAIN && length !== -EINTR) fatal('read', length);
    return Math.max(0, length);
  },
  write(frame) {
    const result = write(start.tun, frame);
    return result < 0 ? errnoName(-result) : undefined;
  },
};

function fatal(what: string, result: number): never {
  throw new Error(`emulator: ${what} on the TUN failed: ${errnoName(-result)}`);
}

const forwarder = new Forwarder(device, start.seed);
let capture: PacketCapture | undefined;
let running = true;

function carryOut(command: EmulatorCommand): void {
  switch (command.kind) {
    case 'set':
      forwarder.set(command.paths, command.parameters);
      break;
    case 'capture':
      capture?.close();
      capture = undefined;
      forwarder.tap = undefined;
      if (command.file !== null) {
        const file = new PacketCapture(command.file);
        capture = file;
        forwarder.tap = (frame, now, comment) => file.record(frame, now, comment);
      }
      break;
    case 'stop':
      running = false;
      capture?.close();
      break;
    case 'read':
      break;
  }
}

function commands(from: NonNullable<typeof port>): void {
  for (let m = receiveMessageOnPort(from); m !== undefined; m = receiveMessageOnPort(from)) {
    const command = m.message as EmulatorCommand;
    const answer: { -readonly [K in keyof EmulatorAnswer]: EmulatorAnswer[K] } = {
      ask: command.ask,
      at: monotonicMs(),
      state: forwarder.state(),
    };
    try {
      carryOut(command);
      answer.state = forwarder.state();
    } catch (error) {
      answer.error = error instanceof Error ? error.message : String(error);
    }
    from.postMessage(answer);
  }
}

const POLLED = [
  { fd: start.tun, events: POLLIN },
  { fd: start.wake, events: POLLIN },
];
const wakeCount = new Uint8Array(8);

/** How long to sleep: until the next packet falls due, not at all while frames are left unread. */
function patience(unread: boolean): number {
  if (unread) return 0;
  const due = forwarder.nextDue;
  if (due === undefined) return LONGEST_SLEEP;
  return Math.max(0, Math.min(LONGEST_SLEEP, due - monotonicMs()));
}

let unread = false;
while (running) {
  const [tun = 0, wake = 0] = poll(POLLED, patience(unread));
  if ((wake & POLLIN) !== 0) {
    read(start.wake, wakeCount);
    commands(port);
  }
  if ((tun & POLLERR) !== 0) throw new Error('emulator: the TUN is gone');
  forwarder.flush(monotonicMs());
  unread = (tun & POLLIN) !== 0 && forwarder.drain(monotonicMs);
}
port.close();
