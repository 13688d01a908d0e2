import { parseSocketTable } from '../../../src/linux/socket-table.js';
import { addressToBytes } from '../../../src/wire/address.js';
import { must, octetsOf, textOf, type Target, type Unit } from '../harness/target.js';

const TABLE = `  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
   1: B80D0120000000A10000000001000000:C350 B80D0120000000B10000000001000000:0016 01 00000000:00000000 02:000A7214
   2: B80D0120000000A20000000001000000:C351 B80D0120000000B10000000001000000:0016 08 00000000:00000000 00:00000000
   3: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C352 06 00000000:00000000 03:00001234
`;

export const target: Target = {
  name: 'socket-table',
  about: 'the kernel’s text tables of connected sockets',
  code: ['src/linux/socket-table'],
  constants: 'text',
  words: ['01', '0A', ':', ' ', '\n', 'FFFF', '00000000'],
  seeds: () => [octetsOf(TABLE)],
  units: fields,
  run(input) {
    const text = textOf(input);
    const pairs = parseSocketTable(text);
    must(pairs.length <= text.split('\n').length, 'no more pairs than lines');
    for (const { local, peer } of pairs) {
      must(
        addressToBytes(local).length === 16 && addressToBytes(peer).length === 16,
        'addresses are addresses',
      );
      must(peer !== '::', 'a connected socket has a peer');
    }
  },
};

/** Fields of the lines. */
function fields(input: Uint8Array): Unit[] {
  return [...textOf(input).matchAll(/[^\s:]+|\n/g)]
    .slice(0, 200)
    .map((m) => ({ from: m.index, to: m.index + m[0].length }));
}
