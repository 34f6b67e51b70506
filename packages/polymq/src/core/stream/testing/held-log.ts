/** A log whose commits a test lets through, or fails, by hand. */
import { writeInt64 } from '../../../lib/bytes/int64.ts';
import { AT, batchNextOffset } from '../../../log/batch.ts';
import {
  type Log,
  type LogRead,
  type LogSegmentInfo,
  OffsetOutOfRangeError,
  StorageFullError,
} from '../../../log/log.ts';

interface Waiter {
  offset: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

export class HeldLog implements Log {
  readonly name = 'stream/held/0';
  readonly start = 0;
  committed = 0;
  tail = 0;
  readonly sizeBytes = 0;
  batches: Buffer[] = [];
  #waiters: Waiter[] = [];

  append(batch: Buffer): number {
    const baseOffset = this.tail;
    writeInt64(batch, baseOffset, AT.baseOffset);
    this.batches.push(batch);
    this.tail = batchNextOffset(batch, 0);
    return baseOffset;
  }

  whenCommitted(offset: number): Promise<void> {
    if (offset <= this.committed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ offset, resolve, reject });
    });
  }

  whenWritten(offset: number): Promise<void> {
    return this.whenCommitted(offset);
  }

  /** Commits everything below `offset`. */
  commit(offset: number = this.tail): void {
    this.committed = offset;
    const done = this.#waiters.filter((waiter) => waiter.offset <= offset);
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > offset);
    for (const waiter of done) waiter.resolve();
  }

  /** There is no room for what is not committed. */
  lose(): void {
    this.tail = this.committed;
    this.batches = this.batches.filter((batch) => batchNextOffset(batch, 0) <= this.tail);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new StorageFullError(this.name));
  }

  read(offset: number): LogRead {
    if (offset > this.committed)
      throw new OffsetOutOfRangeError(this.name, offset, 0, this.committed);
    return { buffers: [], bytes: 0, nextOffset: offset };
  }

  async findTimestamp(): Promise<undefined> {
    return undefined;
  }

  async findMaxTimestamp(): Promise<undefined> {
    return undefined;
  }

  async scanHeaders(
    from: number,
    visit: (header: Buffer, at: number, bytes: number) => void,
  ): Promise<void> {
    for (const batch of this.batches) {
      const end = batchNextOffset(batch, 0);
      if (end > from && end <= this.committed) visit(batch, 0, batch.length);
    }
  }

  rollSegment(): void {}

  async trim(): Promise<void> {}

  segments(): LogSegmentInfo[] {
    return [];
  }

  onCommitted(): () => void {
    return () => undefined;
  }

  configure(): void {}
}
