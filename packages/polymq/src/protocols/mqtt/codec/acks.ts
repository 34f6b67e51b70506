/**
 * PUBACK, PUBREC, PUBREL and PUBCOMP in the form in which they come by the hundred thousand a second:
 *
 *   type and flags │ 2 │ packet id u16                  success, and all of 3.x
 *   type and flags │ 3 │ packet id u16 │ reason code    MQTT 5 without properties
 */
import { PACKET_TYPE } from './packets.ts';

/** The most that `writeAck` writes. */
export const ACK_BYTES_MAX = 5;

/** The first bytes of the four. */
export const PUBACK: number = PACKET_TYPE.puback << 4;
export const PUBREC: number = PACKET_TYPE.pubrec << 4;
export const PUBREL: number = (PACKET_TYPE.pubrel << 4) | 2;
export const PUBCOMP: number = PACKET_TYPE.pubcomp << 4;

/**
 * The packet id if `[start, end)` is one of the four in its shortest form, whose first byte says which. 0 if not:
 * then `readPacket` says what it is.
 */
export function ackPacketId(buffer: Buffer, start: number, end: number): number {
  if (end - start !== 4) return 0;
  const first = buffer[start]!;
  if (first !== PUBACK && first !== PUBREC && first !== PUBREL && first !== PUBCOMP) return 0;
  return (buffer[start + 2]! << 8) | buffer[start + 3]!;
}

/** Writes one at `at`, and returns the position behind. A reason code other than 0 is for MQTT 5 only. */
export function writeAck(
  target: Buffer,
  at: number,
  first: number,
  packetId: number,
  reasonCode = 0,
): number {
  target[at] = first;
  target[at + 1] = reasonCode === 0 ? 2 : 3;
  target[at + 2] = packetId >>> 8;
  target[at + 3] = packetId;
  if (reasonCode === 0) return at + 4;
  target[at + 4] = reasonCode;
  return at + 5;
}
