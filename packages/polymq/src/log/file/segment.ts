/**
 * One segment: a file of batches, back to back, named by the offset of its first.
 *
 *   0              synced           written            bytes
 *   ├───────────────┼────────────────┼──────────────────┤
 *   │ survives a    │ survives the   │ assigned, still  │ next batch
 *   │ power cut     │ process        │ in memory        │ goes here
 *
 * Invariant: syncedBytes <= writtenBytes <= bytes. Only the last segment of a log grows.
 */
import { batchMaxTimestamp, batchNextOffset } from '../batch.ts';
import type { PooledFile } from './file-pool.ts';
import { SegmentIndex } from './segment-index.ts';
import { VerifiedRanges } from './verified-ranges.ts';

export class Segment {
  readonly baseOffset: number;
  readonly file: PooledFile;
  /** The offset after the last record that has a place here. */
  endOffset: number;
  bytes = 0;
  writtenBytes = 0;
  syncedBytes = 0;
  maxTimestampMs = -1;
  closed = false;
  /** The file's name is known to be durable in its folder. */
  named = false;
  /** Which parts have passed their checksums since the log was opened. */
  readonly verified: VerifiedRanges = new VerifiedRanges();
  /** Covers everything from `index.from` on. */
  readonly index: SegmentIndex = new SegmentIndex();

  constructor(baseOffset: number, file: PooledFile) {
    this.baseOffset = baseOffset;
    this.file = file;
    this.endOffset = baseOffset;
  }

  /** Gives the batch its place. Returns its position. */
  place(batch: Buffer): number {
    const position = this.bytes;
    const timestampMs = batchMaxTimestamp(batch, 0);
    this.index.add(this.endOffset, position, timestampMs);
    this.bytes = position + batch.length;
    this.endOffset = batchNextOffset(batch, 0);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    return position;
  }
}
