/** Packets in words: what `rehome decode` prints, and anything else that shows a packet to people. */
export { describePacket, summarizePacket, type PacketView } from './packet.js';
export type { Fields, FieldValue } from './fields.js';
export { meaning, protocolName } from './names.js';
