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
  /** The file was made this long ahead of what is written; 0 if it was not. */
  allocatedBytes = 0;
  writtenBytes = 0;
  writtenOffset: number;
  syncedBytes = 0;
  syncedOffset: number;
  maxTimestampMs = -1;
  closed = false;
  /** The file's name is known to be durable in its folder. */
  named = false;
  /** The index file beside it is there and complete. */
  indexed = false;
  /** Which parts have passed their checksums since the log was opened. */
  readonly verified: VerifiedRanges = new VerifiedRanges();
  readonly index: SegmentIndex = new SegmentIndex();

  constructor(baseOffset: number, file: PooledFile) {
    this.baseOffset = baseOffset;
    this.file = file;
    this.endOffset = baseOffset;
    this.writtenOffset = baseOffset;
    this.syncedOffset = baseOffset;
  }

  get unsynced(): boolean {
    return (
      this.syncedBytes < this.writtenBytes ||
      (!this.named && this.writtenBytes > 0) ||
      (this.closed && this.overlong)
    );
  }

  /** All is written, and the file is longer than that. */
  get overlong(): boolean {
    return this.allocatedBytes > this.bytes && this.writtenBytes === this.bytes;
  }

  /** Gives the next batch its place. Returns its position. */
  place(batch: Buffer, at = 0, bytes: number = batch.length): number {
    const position = this.bytes;
    const timestampMs = batchMaxTimestamp(batch, at);
    this.index.add(this.endOffset, position, timestampMs);
    this.bytes = position + bytes;
    this.endOffset = batchNextOffset(batch, at);
    if (timestampMs > this.maxTimestampMs) this.maxTimestampMs = timestampMs;
    return position;
  }

  /** Leaves out damaged bytes: the next batch goes to `position` and has `offset`. */
  skipTo(position: number, offset: number): void {
    this.bytes = position;
    this.endOffset = offset;
  }

  /** Takes back what was placed at or behind `position`. */
  takeBack(position: number, offset: number): void {
    this.bytes = position;
    this.endOffset = offset;
    this.closed = false;
    this.index.truncate(position);
  }

  setWritten(bytes: number, offset: number): void {
    this.writtenBytes = bytes;
    this.writtenOffset = offset;
  }

  setSynced(bytes: number, offset: number): void {
    if (bytes < this.syncedBytes) return;
    this.syncedBytes = bytes;
    this.syncedOffset = offset;
    if (this.writtenBytes === bytes) this.file.dirty = false;
  }

  /** All that has a place is in the file and durable, as after opening. */
  setAllSynced(): void {
    this.setWritten(this.bytes, this.endOffset);
    this.setSynced(this.bytes, this.endOffset);
    // An empty segment may have no file yet.
    if (this.bytes > 0) this.named = true;
  }
}
