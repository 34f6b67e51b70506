/**
 * The receipt of one message for one reader. To clients it is an opaque text; inside it is base64 of
 *
 *   u8 version 1 │ u32 boot │ u32 queue id │ i32 row │ u48 seq │ u16 attempt │ u48 received │ u32 CRC-32C of all before
 *
 * `boot` tells the life of the process in which the row is a row; in a later life the message is found by its seq. The attempt
 * tells the newest receipt from those of before. The checksum is against accidents, not against forgers: a receipt gives no
 * right that its bearer does not have anyway.
 */
import { crc32c } from '../../../lib/crc32c.ts';

export interface Receipt {
  boot: number;
  queueId: number;
  row: number;
  seq: number;
  attempt: number;
  /** When it was handed out, ms since the epoch. */
  receivedMs: number;
}

const VERSION = 1;
const AT = {
  boot: 1,
  queueId: 5,
  row: 9,
  seq: 13,
  attempt: 19,
  received: 21,
  checksum: 27,
} as const;
const BYTES = 31;
const TEXT_LENGTH: number = Math.ceil(BYTES / 3) * 4;

const scratch: Buffer = Buffer.alloc(BYTES);

export function formatReceipt(receipt: Receipt): string {
  scratch[0] = VERSION;
  scratch.writeUInt32BE(receipt.boot, AT.boot);
  scratch.writeUInt32BE(receipt.queueId, AT.queueId);
  scratch.writeInt32BE(receipt.row, AT.row);
  scratch.writeUIntBE(receipt.seq, AT.seq, 6);
  scratch.writeUInt16BE(receipt.attempt, AT.attempt);
  scratch.writeUIntBE(receipt.receivedMs, AT.received, 6);
  scratch.writeUInt32BE(crc32c(scratch, 0, AT.checksum) >>> 0, AT.checksum);
  return scratch.toString('base64');
}

/** Undefined if it is none that this broker has written. */
export function parseReceipt(text: string): Receipt | undefined {
  if (text.length !== TEXT_LENGTH) return undefined;
  if (scratch.write(text, 'base64') !== BYTES || scratch[0] !== VERSION) return undefined;
  if (scratch.readUInt32BE(AT.checksum) !== crc32c(scratch, 0, AT.checksum) >>> 0) return undefined;
  return {
    boot: scratch.readUInt32BE(AT.boot),
    queueId: scratch.readUInt32BE(AT.queueId),
    row: scratch.readInt32BE(AT.row),
    seq: scratch.readUIntBE(AT.seq, 6),
    attempt: scratch.readUInt16BE(AT.attempt),
    receivedMs: scratch.readUIntBE(AT.received, 6),
  };
}
