/**
 * Rebuilds rows and marks from the journal. Entries are applied in order; one that is older than what is known of its
 * row changes nothing, so that replay may begin anywhere at or before the end of what is known.
 */

import { readInt64 } from '../../../lib/bytes/int64.ts';
import { AT, batchBaseOffset, batchBytes } from '../../../log/batch.ts';
import { bodyBytesAt } from '../../message/message-bytes.ts';
import { NO_ROW, ROW_FLAG } from '../rows.ts';
import {
  ENTRY_FLAG,
  ENTRY_HEAD_BYTES,
  ENTRY_KIND,
  MARK_HEAD_BYTES,
  REMOVED_HEAD_BYTES,
  ROW_BYTES,
  readUint16,
  readUint32,
  readUint48,
  TARGET_BYTES,
  TIMED_BYTES,
} from './journal-entry.ts';
import type { Restoring } from './restoring.ts';
import { VarintReader } from './varint.ts';

export class Replay {
  readonly #restoring: Restoring;
  readonly #varints = new VarintReader(Buffer.alloc(0));
  /** Where the batch in hand begins, and its timestamp. */
  #batchAt = 0;
  #timestampMs = 0;

  constructor(restoring: Restoring) {
    this.#restoring = restoring;
  }

  /** Applies the batch at `at`. */
  batch(buffer: Buffer, at: number): void {
    const count = buffer.readInt32BE(at + AT.recordCount);
    const base = batchBaseOffset(buffer, at);
    const end = at + batchBytes(buffer, at);
    this.#batchAt = at;
    this.#timestampMs = readInt64(buffer, at + AT.baseTimestamp);
    let entryAt = at + 61;
    for (let index = 0; index < count && entryAt < end; index++) {
      const entryEnd = entryAt + 4 + readUint32(buffer, entryAt);
      this.#entry(buffer, entryAt, entryEnd, base + index);
      entryAt = entryEnd;
    }
  }

  #entry(buffer: Buffer, at: number, end: number, offset: number): void {
    switch (buffer[at + 4]) {
      case ENTRY_KIND.message:
        this.#message(buffer, at, end, offset);
        break;
      case ENTRY_KIND.rows:
        this.#rows(buffer, at, end, offset);
        break;
      case ENTRY_KIND.removed:
        this.#removed(buffer, at, end);
        break;
      case ENTRY_KIND.updated:
        this.#updated(buffer, at);
        break;
      case ENTRY_KIND.mark:
        this.#mark(buffer, at, end, offset);
        break;
      default:
        throw new Error(
          `the journal of queues has an entry of kind ${buffer[at + 4]} at offset ${offset}: it was written by a newer version; start that one`,
        );
    }
  }

  #message(buffer: Buffer, at: number, end: number, offset: number): void {
    const restoring = this.#restoring;
    const flags = buffer[at + 5]!;
    const count = readUint16(buffer, at + 6);
    let behind = at + ENTRY_HEAD_BYTES + count * TARGET_BYTES;
    let ttlMs = -1;
    let dueMs = 0;
    if ((flags & ENTRY_FLAG.timed) !== 0) {
      ttlMs = buffer.readDoubleBE(behind);
      dueMs = buffer.readDoubleBE(behind + 8);
      behind += TIMED_BYTES;
    }
    let groupId: string | undefined;
    if ((flags & ENTRY_FLAG.grouped) !== 0) {
      groupId = readGroup(buffer, behind);
      behind += 2 + readUint16(buffer, behind);
    }
    const bodyBytes = bodyBytesAt(buffer, behind, end);
    for (let index = 0; index < count; index++) {
      const target = at + ENTRY_HEAD_BYTES + index * TARGET_BYTES;
      const row = restoring.place(
        readUint32(buffer, target),
        readUint48(buffer, target + 4),
        offset,
      );
      if (row === NO_ROW) continue;
      const page = restoring.rows.page(row);
      const rowIndex = restoring.rows.index(row);
      page.position[rowIndex] = behind - this.#batchAt;
      page.bytes[rowIndex] = end - behind;
      page.bodyBytes[rowIndex] = bodyBytes;
      page.priority[rowIndex] = buffer[target + 10]!;
      page.flags[rowIndex] = buffer[target + 11]!;
      page.attempts[rowIndex] = 0;
      page.enqueuedMs[rowIndex] = this.#timestampMs;
      page.expiresMs[rowIndex] = ttlMs < 0 ? 0 : this.#timestampMs + ttlMs;
      restoring.setRare(row, dueMs, groupId);
    }
  }

  #rows(buffer: Buffer, at: number, end: number, offset: number): void {
    const restoring = this.#restoring;
    const count = readUint16(buffer, at + 6);
    let behind = at + ENTRY_HEAD_BYTES + count * ROW_BYTES;
    const enqueuedMs = buffer.readDoubleBE(behind);
    behind += 8;
    let groupId: string | undefined;
    if ((buffer[at + 5]! & ENTRY_FLAG.grouped) !== 0) {
      groupId = readGroup(buffer, behind);
      behind += 2 + readUint16(buffer, behind);
    }
    const bodyBytes = bodyBytesAt(buffer, behind, end);
    for (let index = 0; index < count; index++) {
      const from = at + ENTRY_HEAD_BYTES + index * ROW_BYTES;
      if ((buffer[from + 11]! & ROW_FLAG.persistent) === 0) continue;
      const row = restoring.place(readUint32(buffer, from), readUint48(buffer, from + 4), offset);
      if (row === NO_ROW) continue;
      const page = restoring.rows.page(row);
      const rowIndex = restoring.rows.index(row);
      page.position[rowIndex] = behind - this.#batchAt;
      page.bytes[rowIndex] = end - behind;
      page.bodyBytes[rowIndex] = bodyBytes;
      page.priority[rowIndex] = buffer[from + 10]!;
      page.flags[rowIndex] = buffer[from + 11]!;
      page.attempts[rowIndex] = readUint16(buffer, from + 12);
      page.enqueuedMs[rowIndex] = enqueuedMs;
      page.expiresMs[rowIndex] = buffer.readDoubleBE(from + 14);
      restoring.setRare(row, buffer.readDoubleBE(from + 22), groupId);
    }
  }

  #removed(buffer: Buffer, at: number, end: number): void {
    const queue = readUint32(buffer, at + 6);
    const varints = this.#varints;
    varints.buffer = buffer;
    varints.at = at + REMOVED_HEAD_BYTES;
    let seq = readUint48(buffer, at + 10);
    while (varints.at < end) {
      seq += varints.readSigned();
      for (let count = varints.read(); count > 0; count--) this.#restoring.remove(queue, seq++);
    }
  }

  #updated(buffer: Buffer, at: number): void {
    const restoring = this.#restoring;
    const row = restoring.find(readUint32(buffer, at + 6), readUint48(buffer, at + 10));
    if (row === NO_ROW) return;
    const page = restoring.rows.page(row);
    const index = restoring.rows.index(row);
    page.flags[index] = buffer[at + 5]!;
    page.attempts[index] = readUint16(buffer, at + 16);
    restoring.due.set(row, buffer.readDoubleBE(at + 18));
  }

  #mark(buffer: Buffer, at: number, end: number, offset: number): void {
    const name = buffer.toString('utf8', at + MARK_HEAD_BYTES, end);
    const forget = (buffer[at + 5]! & ENTRY_FLAG.forget) !== 0;
    if (forget) this.#restoring.marks.delete(name);
    else this.#restoring.marks.set(name, { value: buffer.readDoubleBE(at + 6), offset });
  }
}

function readGroup(buffer: Buffer, at: number): string {
  return buffer.toString('utf8', at + 2, at + 2 + readUint16(buffer, at));
}
