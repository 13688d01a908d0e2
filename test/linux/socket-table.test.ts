import { connect, createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectedPairs, parseSocketTable } from '../../src/linux/socket-table.js';

const HEAD = '  sl  local_address remote_address st tx_queue rx_queue';
const line = (local: string, peer: string, state: string): string =>
  `   0: ${local}:0016 ${peer}:D431 ${state} 00000000:00000000 00:00000000 00000000 0 0 1 1 0`;
// 2001:db8:a1::10 and 2001:db8:b1::10 as a little-endian machine prints them.
const A = 'B80D01200000A1000000000010000000';
const B = 'B80D01200000B1000000000010000000';

describe('the table of connected sockets', () => {
  it('reads addresses, keeps what carries data, leaves out listeners and TIME_WAIT', () => {
    const text = [
      HEAD,
      line(A, B, '01'),
      line(A, '00000000000000000000000000000000', '0A'),
      line(B, A, '06'),
      'nonsense',
      '',
    ].join('\n');
    expect(parseSocketTable(text)).toEqual([{ local: '2001:db8:a1::10', peer: '2001:db8:b1::10' }]);
  });

  it('sees a real connection of this process, and not when it is closed', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '::1', done));
    const { port } = server.address() as AddressInfo;
    const socket = connect(port, '::1');
    await new Promise<void>((done) => socket.once('connect', () => done()));
    expect(connectedPairs()).toContainEqual({ local: '::1', peer: '::1' });
    socket.destroy();
    await new Promise<void>((done) => server.close(() => done()));
  });

  it('takes a table that is not there for an empty one', () => {
    expect(connectedPairs(['/nonexistent/tcp6'])).toEqual([]);
  });
});
