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
const view: DataView = new DataView(scratch.buffer, scratch.byteOffset, BYTES);

export function formatReceipt(receipt: Receipt): string {
  const { boot, queueId, row, seq, attempt, receivedMs } = receipt;
  scratch[0] = VERSION;
  view.setUint32(AT.boot, boot);
  view.setUint32(AT.queueId, queueId);
  view.setInt32(AT.row, row);
  view.setUint16(AT.seq, seq / 2 ** 32);
  view.setUint32(AT.seq + 2, seq);
  view.setUint16(AT.attempt, attempt);
  view.setUint16(AT.received, receivedMs / 2 ** 32);
  view.setUint32(AT.received + 2, receivedMs);
  view.setUint32(AT.checksum, crc32c(scratch, 0, AT.checksum));
  return scratch.toString('base64');
}

let known = { boot: -1, start: '' };

/** Whether the text can only be a receipt of that life of the process: version and boot are its first characters. */
export function isOfLife(text: string, boot: number): boolean {
  if (known.boot !== boot) {
    const head = Buffer.alloc(AT.queueId + 1);
    head[0] = VERSION;
    head.writeUInt32BE(boot, AT.boot);
    // Up to the first bits of the queue's id, which are 0 for all but absurd ids.
    known = { boot, start: head.toString('base64').slice(0, 7) };
  }
  return text.startsWith(known.start);
}

/** Undefined if it is none that this broker has written. */
export function parseReceipt(text: string): Receipt | undefined {
  if (text.length !== TEXT_LENGTH) return undefined;
  if (scratch.write(text, 'base64') !== BYTES || scratch[0] !== VERSION) return undefined;
  if (view.getUint32(AT.checksum) !== crc32c(scratch, 0, AT.checksum) >>> 0) return undefined;
  return {
    boot: view.getUint32(AT.boot),
    queueId: view.getUint32(AT.queueId),
    row: view.getInt32(AT.row),
    seq: view.getUint16(AT.seq) * 2 ** 32 + view.getUint32(AT.seq + 2),
    attempt: view.getUint16(AT.attempt),
    receivedMs: view.getUint16(AT.received) * 2 ** 32 + view.getUint32(AT.received + 2),
  };
}
