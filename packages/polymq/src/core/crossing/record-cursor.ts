/**
 * Reads the committed records of a partition one after another, from any offset on.
 *
 *   load ──► batches in memory ──► next, next, … ──► undefined ──► load …
 *
 * What can go wrong on the way is stepped over and counted, so that a reader never stands still for ever: records
 * that retention has removed, ranges that are damaged on disk, batches whose compressed content is broken. Control
 * batches hold no records of producers and are left out, and so are batches of transactions, which this broker does not accept.
 */
import { release } from '../../lib/arena.ts';
import { readInt64 } from '../../lib/bytes/int64.ts';
import { AT, batchBytes, batchNextOffset } from '../../log/batch.ts';
import { DamagedRangeError, type LogRead } from '../../log/log.ts';
import { BrokerError } from '../errors.ts';
import { ATTRIBUTES } from '../record/attributes.ts';
import type { StoredRecord } from '../record/record.ts';
import { readRecords } from '../record/record-reader.ts';
import type { Partition } from '../stream/streams.ts';

export const READ_BYTES: number = 256 * 1024;

export class RecordCursor {
  readonly partition: Partition;
  /** The offset of the record that comes next, or of one before it that is not there any more. */
  position: number;
  /** Offsets that were stepped over because their records are gone, damaged or unreadable. */
  skipped = 0;
  #buffers: readonly Buffer[] = [];
  /** In `#buffers`: which buffer, and where in it the next batch starts. */
  #buffer = 0;
  #at = 0;
  #records: Generator<StoredRecord, void> | undefined;
  #batchEnd = 0;
  /** Where the next read starts. */
  #readFrom: number;

  readonly #releases: boolean;

  /** `releases`: nobody keeps anything of a record beyond the next `load`, so the memory may be used again then. */
  constructor(partition: Partition, position: number, options: { releases?: boolean } = {}) {
    this.#releases = options.releases ?? false;
    this.partition = partition;
    this.position = position;
    this.#readFrom = position;
  }

  /** The next record in memory; `undefined`: `load` first. Its bytes are not to be changed. */
  next(): StoredRecord | undefined {
    for (;;) {
      const record = this.#nextOfBatch();
      if (record !== undefined) return record;
      if (!this.#openBatch()) return undefined;
    }
  }

  /** Whether something is committed that was not read yet. */
  get behind(): boolean {
    return this.#readFrom < this.partition.endOffset;
  }

  /**
   * Reads on, once `next` has returned `undefined`. False if nothing more is committed. Rejects if the partition was
   * deleted or its log has failed.
   */
  load(bytesMax: number = READ_BYTES): boolean | Promise<boolean> {
    this.#forget();
    if (!this.behind) return false;
    if (this.#readFrom < this.partition.startOffset) this.#skipTo(this.partition.startOffset);
    try {
      const read = this.partition.read(this.#readFrom, bytesMax, true);
      if (!(read instanceof Promise)) return this.#take(read);
      return read.then(
        (done) => this.#take(done),
        (error: unknown) => this.#stepOver(error),
      );
    } catch (error: unknown) {
      return this.#stepOver(error);
    }
  }

  #take(read: LogRead): boolean {
    this.#buffers = read.buffers;
    this.#buffer = 0;
    this.#at = 0;
    this.#readFrom = read.nextOffset;
    return read.buffers.length > 0;
  }

  #forget(): void {
    if (this.#releases) for (const buffer of this.#buffers) release(buffer);
    this.#buffers = [];
  }

  #stepOver(error: unknown): boolean {
    const start = this.partition.startOffset;
    const code = error instanceof BrokerError ? error.code : undefined;
    if (code === 'offset-out-of-range' && start > this.#readFrom) this.#skipTo(start);
    else if (error instanceof BrokerError && error.cause instanceof DamagedRangeError) {
      this.#skipTo(error.cause.nextOffset);
    } else throw error;
    return true;
  }

  #skipTo(offset: number): void {
    this.skipped += offset - this.position;
    this.position = offset;
    this.#readFrom = offset;
  }

  #nextOfBatch(): StoredRecord | undefined {
    while (this.#records !== undefined) {
      const record = this.#read(this.#records);
      if (record === undefined) {
        this.#records = undefined;
        this.position = Math.max(this.position, this.#batchEnd);
        return undefined;
      }
      // The batch holds the position, so it may start before it.
      if (record.offset < this.position) continue;
      this.position = record.offset + 1;
      return record;
    }
    return undefined;
  }

  /** What is compressed was never checked: it may turn out to be broken at any record. */
  #read(records: Generator<StoredRecord, void>): StoredRecord | undefined {
    try {
      const { value } = records.next();
      return value ?? undefined;
    } catch (error: unknown) {
      if (!(error instanceof BrokerError)) throw error;
      this.skipped += Math.max(0, this.#batchEnd - this.position);
      return undefined;
    }
  }

  #openBatch(): boolean {
    const buffer = this.#buffers[this.#buffer];
    if (buffer === undefined) return false;
    const at = this.#at;
    this.#batchEnd = batchNextOffset(buffer, at);
    this.#at += batchBytes(buffer, at);
    if (this.#at >= buffer.length) {
      this.#buffer += 1;
      this.#at = 0;
    }
    const attributes = buffer.readUInt16BE(at + AT.attributes);
    const marked = (attributes & (ATTRIBUTES.control | ATTRIBUTES.transactional)) !== 0;
    if (marked) this.position = Math.max(this.position, this.#batchEnd);
    else this.#records = readRecords(buffer, at);
    return true;
  }
}

/** Where a reader begins. */
export type StreamStart = 'first' | 'last' | 'next' | number | { timestampMs: number };

/**
 * The offset to start at. `last` is the batch that was committed last, as nobody knows how many records a producer has
 * put together. An offset outside of what there is becomes the nearest end.
 */
export function startPosition(partition: Partition, start: StreamStart): number | Promise<number> {
  const { startOffset, endOffset } = partition;
  if (start === 'first') return startOffset;
  if (start === 'next') return endOffset;
  if (start === 'last') return lastBatch(partition);
  if (typeof start === 'number') return Math.min(Math.max(start, startOffset), endOffset);
  return partition
    .findTimestamp(start.timestampMs)
    .then((found) => found?.offset ?? partition.endOffset);
}

async function lastBatch(partition: Partition): Promise<number> {
  const { startOffset, endOffset } = partition;
  if (endOffset <= startOffset) return endOffset;
  const { buffers } = await partition.read(endOffset - 1, 1, true);
  const batch = buffers[0];
  if (batch === undefined) return endOffset;
  return Math.max(readInt64(batch, AT.baseOffset), partition.startOffset);
}
