/**
 * The sending application of the lab: a plain TCP client that knows nothing of rehome. It sends the known stream, as
 * fast as the socket takes it or at a rate, until it is told to stop (a line, or the end, on standard input).
 *
 *   node sender.js LOCAL PEER PORT SEED [OCTETS_PER_SECOND]
 */
import { connect } from 'node:net';
import { monotonicMs } from '../../linux/clock.js';
import { say } from './messages.js';
import { KnownStream } from './stream.js';

const [local = '', peer = '', port = '0', seed = '', rate = '0'] = process.argv.slice(2);
const bytesPerSecond = Number(rate);
const CHUNK = 64 * 1024;

const stream = new KnownStream(seed);
const socket = connect({ host: peer, port: Number(port), localAddress: local, noDelay: true });
let sent = 0;
let startedAt = 0;
let stopping = false;

/** How many octets may go now: all, or what the rate has earned since the start. */
function allowance(): number {
  if (bytesPerSecond === 0) return CHUNK;
  return Math.floor((bytesPerSecond * (monotonicMs() - startedAt)) / 1000) - sent;
}

function pump(): void {
  for (;;) {
    if (stopping) return;
    const length = Math.min(CHUNK, allowance());
    if (length <= 0) {
      setTimeout(pump, 10);
      return;
    }
    sent += length;
    if (!socket.write(stream.next(length))) return; // goes on at 'drain'
    if (bytesPerSecond > 0 && length < CHUNK) {
      // Not one octet as soon as it is earned.
      setTimeout(pump, 10);
      return;
    }
  }
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  socket.end();
}

socket.on('connect', () => {
  startedAt = monotonicMs();
  say({
    kind: 'connected',
    at: startedAt,
    local: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    peer: socket.remoteAddress ?? '',
  });
  pump();
});
socket.on('drain', pump);
socket.on('error', (error) => {
  say({ kind: 'failed', at: monotonicMs(), reason: `sender: ${error.message}` });
  process.exit(1);
});
socket.on('close', () => {
  say({ kind: 'done', at: monotonicMs(), bytes: sent });
  process.exit(process.exitCode ?? 0);
});
socket.resume(); // nothing comes back but the peer's end
process.stdin.on('data', stop);
process.stdin.on('end', stop);
