/**
 * How rows and extents lie in snapshots: each as its difference from the one before, since neighbours in the row table
 * are mostly neighbours in their queue and in the journal. A row is usually 1 or 2 bytes.
 *
 *   row      u8 what differs from the prediction (below), then for each bit, lowest first:
 *            1 queue    varint                         4  offset    signed, from the one before + 1
 *            2 seq      signed, from the one before + 1    8  position  signed, from the one before + the last step
 *            16 bytes   varint, and varint of the body  32 enqueued  signed ms, from the one before
 *            64 state   u8 priority │ u8 flags │ varint attempts
 *            128 rare   signed ms expires, from the one before │ varint ms due │ varint n │ n bytes group id
 *   extent   varint end, from the one before │ varint bytes
 *   mark     f64 value │ varint offset │ varint n │ n bytes name
 */
import { type VarintReader, writeSigned, writeVarint } from './varint.ts';

const DIFFERS = {
  queue: 1,
  seq: 2,
  offset: 4,
  position: 8,
  bytes: 16,
  enqueued: 32,
  state: 64,
  rare: 128,
} as const;

/** No row takes more, but for its group id. */
export const SNAPSHOT_ROW_BYTES_MAX = 128;

/** One row as it goes in and comes out. */
export class SnapshotRow {
  queue = 0;
  seq = 0;
  offset = 0;
  position = 0;
  bytes = 0;
  bodyBytes = 0;
  enqueuedMs = 0;
  priority = 0;
  flags = 0;
  attempts = 0;
  expiresMs = 0;
  dueMs = 0;
  groupId: string | undefined = undefined;
}

/** What the next row is predicted from. Writer and reader keep one each. */
class Previous extends SnapshotRow {
  step = 0;

  follow(row: SnapshotRow): void {
    this.queue = row.queue;
    this.seq = row.seq;
    this.offset = row.offset;
    this.step = row.position - this.position;
    this.position = row.position;
    this.bytes = row.bytes;
    this.bodyBytes = row.bodyBytes;
    this.enqueuedMs = row.enqueuedMs;
    this.priority = row.priority;
    this.flags = row.flags;
    this.attempts = row.attempts;
    this.expiresMs = row.expiresMs;
  }
}

export class RowEncoder {
  readonly #previous = new Previous();

  /** Returns the position behind the row. */
  write(row: SnapshotRow, target: Buffer, at: number): number {
    const previous = this.#previous;
    const differs = difference(row, previous);
    target[at] = differs;
    let end = at + 1;
    if ((differs & DIFFERS.queue) !== 0) end = writeVarint(target, row.queue, end);
    if ((differs & DIFFERS.seq) !== 0) end = writeSigned(target, row.seq - previous.seq - 1, end);
    if ((differs & DIFFERS.offset) !== 0) {
      end = writeSigned(target, row.offset - previous.offset - 1, end);
    }
    if ((differs & DIFFERS.position) !== 0) {
      end = writeSigned(target, row.position - previous.position - previous.step, end);
    }
    if ((differs & DIFFERS.bytes) !== 0) {
      end = writeVarint(target, row.bytes, end);
      end = writeVarint(target, row.bodyBytes, end);
    }
    if ((differs & DIFFERS.enqueued) !== 0) {
      end = writeSigned(target, Math.round(row.enqueuedMs - previous.enqueuedMs), end);
      // What the reader will see: fractions must not add up.
      row.enqueuedMs = previous.enqueuedMs + Math.round(row.enqueuedMs - previous.enqueuedMs);
    }
    if ((differs & DIFFERS.state) !== 0) {
      target[end++] = row.priority;
      target[end++] = row.flags;
      end = writeVarint(target, row.attempts, end);
    }
    if ((differs & DIFFERS.rare) !== 0) end = this.#writeRare(row, target, end);
    previous.follow(row);
    return end;
  }

  #writeRare(row: SnapshotRow, target: Buffer, at: number): number {
    row.expiresMs = Math.round(row.expiresMs);
    let end = writeSigned(target, row.expiresMs - this.#previous.expiresMs, at);
    end = writeVarint(target, Math.max(0, Math.round(row.dueMs)), end);
    return writeText(target, row.groupId ?? '', end);
  }
}

export class RowDecoder {
  /** The row that was read last, from which the next one is predicted. */
  readonly row: SnapshotRow = new SnapshotRow();
  #step = 0;

  /** Reads the next row into `row`. */
  read(from: VarintReader): void {
    const { row } = this;
    const differs = from.buffer[from.at++]!;
    if ((differs & DIFFERS.queue) !== 0) row.queue = from.read();
    row.seq += 1;
    if ((differs & DIFFERS.seq) !== 0) row.seq += from.readSigned();
    row.offset += 1;
    if ((differs & DIFFERS.offset) !== 0) row.offset += from.readSigned();
    if ((differs & DIFFERS.position) !== 0) this.#step += from.readSigned();
    row.position += this.#step;
    if ((differs & DIFFERS.bytes) !== 0) {
      row.bytes = from.read();
      row.bodyBytes = from.read();
    }
    if ((differs & DIFFERS.enqueued) !== 0) row.enqueuedMs += from.readSigned();
    if ((differs & DIFFERS.state) !== 0) {
      row.priority = from.buffer[from.at++]!;
      row.flags = from.buffer[from.at++]!;
      row.attempts = from.read();
    }
    const rare = (differs & DIFFERS.rare) !== 0;
    row.expiresMs = rare ? row.expiresMs + from.readSigned() : 0;
    row.dueMs = rare ? from.read() : 0;
    row.groupId = rare ? readText(from) || undefined : undefined;
  }
}

function difference(row: SnapshotRow, previous: Previous): number {
  return (
    (row.queue === previous.queue ? 0 : DIFFERS.queue) |
    (row.seq === previous.seq + 1 ? 0 : DIFFERS.seq) |
    (row.offset === previous.offset + 1 ? 0 : DIFFERS.offset) |
    (row.position === previous.position + previous.step ? 0 : DIFFERS.position) |
    (row.bytes === previous.bytes && row.bodyBytes === previous.bodyBytes ? 0 : DIFFERS.bytes) |
    (row.enqueuedMs === previous.enqueuedMs ? 0 : DIFFERS.enqueued) |
    (row.priority === previous.priority &&
    row.flags === previous.flags &&
    row.attempts === previous.attempts
      ? 0
      : DIFFERS.state) |
    (row.expiresMs === 0 && row.dueMs === 0 && row.groupId === undefined ? 0 : DIFFERS.rare)
  );
}

export function writeText(target: Buffer, text: string, at: number): number {
  const end = writeVarint(target, Buffer.byteLength(text, 'utf8'), at);
  return end + target.write(text, end, 'utf8');
}

export function readText(from: VarintReader): string {
  const bytes = from.read();
  from.at += bytes;
  return from.buffer.toString('utf8', from.at - bytes, from.at);
}
