/**
 * Both ends of a stream of small UDP datagrams, one per interval in each direction, numbered: the traffic of the
 * measurements in seed 001, section 5.3. Knows nothing of rehome.
 *
 *   node udp.js LOCAL LOCAL_PORT PEER PEER_PORT [INTERVAL_MS [OCTETS]]
 */
import { createSocket } from 'node:dgram';
import { monotonicMs } from '../../linux/clock.js';
import { say } from './messages.js';

const [local = '', localPort = '0', peer = '', peerPort = '0', interval = '1000', size = '16'] =
  process.argv.slice(2);
const MAGIC = 0x72686d65;
const length = Math.max(16, Number(size));

const socket = createSocket({ type: 'udp6' });
let count = 0;

function send(): void {
  const datagram = Buffer.alloc(length, count & 0xff);
  datagram.writeUInt32BE(MAGIC, 0);
  datagram.writeUInt32BE(count++, 4);
  datagram.writeDoubleBE(monotonicMs(), 8);
  // A datagram that cannot leave is a lost datagram: the receiver's numbers tell.
  socket.send(datagram, Number(peerPort), peer, () => undefined);
}

socket.on('message', (datagram) => {
  if (datagram.length < 16 || datagram.readUInt32BE(0) !== MAGIC) return;
  const number = datagram.readUInt32BE(4);
  // What is left of the datagram repeats the number: a fragment in the wrong place would show.
  if (!datagram.subarray(16).every((octet) => octet === (number & 0xff))) return;
  say({
    kind: 'datagram',
    at: monotonicMs(),
    number,
    sentAt: datagram.readDoubleBE(8),
  });
});
socket.on('error', (error) => {
  say({ kind: 'failed', at: monotonicMs(), reason: `udp: ${error.message}` });
  process.exit(1);
});
socket.bind(Number(localPort), local, () => {
  say({ kind: 'listening', port: socket.address().port });
  send();
  setInterval(send, Number(interval));
});
const stop = (): never => process.exit(0);
process.stdin.on('end', stop);
process.stdin.on('data', stop);
