/**
 * The receiving application of the lab: a plain TCP server that knows nothing of rehome. It accepts one connection,
 * checks every octet against the known stream, and tells what it saw.
 *
 *   node receiver.js ADDRESS PORT SEED [SAMPLE_MS]
 */
import { createServer, type Socket } from 'node:net';
import { monotonicMs } from '../../linux/clock.js';
import { ArrivalLog } from './gap.js';
import { say } from './messages.js';
import { StreamVerifier } from './stream.js';

const [address = '::', port = '0', seed = '', sampleMs = '50'] = process.argv.slice(2);

function serve(socket: Socket): void {
  const verifier = new StreamVerifier(seed);
  const log = new ArrivalLog();
  say({
    kind: 'connected',
    at: monotonicMs(),
    local: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    peer: socket.remoteAddress ?? '',
  });
  const timer = setInterval(
    () => say({ kind: 'sample', ...log.sample(monotonicMs()) }),
    Number(sampleMs),
  );
  socket.on('data', (chunk) => {
    const gap = log.arrived(chunk.length, monotonicMs());
    verifier.accept(chunk);
    if (gap !== undefined) say({ kind: 'gap', ...gap });
  });
  socket.on('end', () => {
    clearInterval(timer);
    say({ kind: 'sample', ...log.sample(monotonicMs()) });
    say({
      kind: 'done',
      at: log.last ?? monotonicMs(),
      bytes: verifier.received,
      verified: verifier.verified,
      firstAt: log.first ?? null,
    });
  });
  socket.on('error', (error) => {
    clearInterval(timer);
    say({ kind: 'failed', at: monotonicMs(), reason: `receiver: ${error.message}` });
    process.exitCode = 1;
  });
}

const server = createServer((socket) => {
  server.close();
  serve(socket);
});
server.on('error', (error) => {
  say({ kind: 'failed', at: monotonicMs(), reason: `receiver: ${error.message}` });
  process.exitCode = 1;
});
server.listen(Number(port), address, () => {
  const bound = server.address();
  say({
    kind: 'listening',
    port: typeof bound === 'object' && bound !== null ? bound.port : Number(port),
  });
});
