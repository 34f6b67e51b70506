/**
 * One log in memory. See `memory-engine.ts`. Batches lie in virtual segments, oldest first, so that
 * retention and trimming work by segment as they do in files.
 */

import { abandon } from '../../lib/arena.ts';
import { writeInt64 } from '../../lib/bytes/int64.ts';
import type { Timers } from '../../lib/environment/clock.ts';
import { AT, batchBaseOffset, batchMaxTimestamp, batchNextOffset, LEADER_EPOCH } from '../batch.ts';
import { CommitListeners } from '../commit-listeners.ts';
import {
  type Log,
  type LogEngineMetrics,
  LogFailedError,
  type LogOptions,
  type LogRead,
  type LogSegmentInfo,
  OffsetOutOfRangeError,
} from '../log.ts';
import { lastAtOrBelow } from '../search.ts';

const RESOLVED = Promise.resolve();

interface MemorySegment {
  baseOffset: number;
  endOffset: number;
  bytes: number;
  maxTimestampMs: number;
  batches: Buffer[];
}

export class MemoryLog implements Log {
  readonly name: string;
  readonly #timers: Timers;
  readonly #metrics: LogEngineMetrics;
  readonly #listeners = new CommitListeners();
  #options: LogOptions;
  #segments: MemorySegment[];
  #start = 0;
  #tail = 0;
  #bytes = 0;
  #notifying = false;
  #stopped: Error | undefined;

  constructor(name: string, options: LogOptions, timers: Timers, metrics: LogEngineMetrics) {
    this.name = name;
    this.#options = options;
    this.#timers = timers;
    this.#metrics = metrics;
    this.#segments = [newSegment(0)];
  }

  get start(): number {
    return this.#start;
  }

  get committed(): number {
    return this.#tail;
  }

  get tail(): number {
    return this.#tail;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  append(batch: Buffer): number {
    if (this.#stopped) throw new LogFailedError(this.name, this.#stopped);
    const baseOffset = this.#tail;
    writeInt64(batch, baseOffset, AT.baseOffset);
    batch.writeInt32BE(LEADER_EPOCH, AT.leaderEpoch);
    let segment = this.#active();
    if (segment.bytes > 0 && segment.bytes + batch.length > this.#options.segmentBytes) {
      segment = this.#roll();
    }
    // It stays here until it is trimmed, and readers may have it for longer.
    abandon(batch);
    segment.batches.push(batch);
    segment.bytes += batch.length;
    segment.endOffset = batchNextOffset(batch, 0);
    segment.maxTimestampMs = Math.max(segment.maxTimestampMs, batchMaxTimestamp(batch, 0));
    this.#bytes += batch.length;
    this.#tail = segment.endOffset;
    this.#metrics.appendedBatches++;
    this.#metrics.appendedBytes += batch.length;
    this.#notifyLater();
    return baseOffset;
  }

  whenCommitted(offset: number): Promise<void> {
    if (this.#stopped) return Promise.reject(new LogFailedError(this.name, this.#stopped));
    if (offset > this.#tail) return Promise.reject(this.#outOfRange(offset));
    return RESOLVED;
  }

  whenWritten(offset: number): Promise<void> {
    return this.whenCommitted(offset);
  }

  read(offset: number, bytesMax: number, oneAtLeast: boolean): LogRead {
    if (this.#stopped) throw new LogFailedError(this.name, this.#stopped);
    if (offset < this.#start || offset > this.#tail) throw this.#outOfRange(offset);
    const read: LogRead = { buffers: [], bytes: 0, nextOffset: offset };
    let at = lastAtOrBelow(this.#segments.length, (i) => this.#segments[i]!.baseOffset, offset);
    for (; at < this.#segments.length; at++) {
      if (!readSegment(this.#segments[at]!, read, bytesMax, oneAtLeast)) break;
    }
    this.#metrics.readBytes += read.bytes;
    return read;
  }

  async findTimestamp(timestampMs: number): Promise<number | undefined> {
    for (const segment of this.#segments) {
      if (segment.maxTimestampMs < timestampMs) continue;
      for (const batch of segment.batches) {
        if (batchMaxTimestamp(batch, 0) >= timestampMs && batchNextOffset(batch, 0) > this.#start) {
          return batchBaseOffset(batch, 0);
        }
      }
    }
    return undefined;
  }

  async findMaxTimestamp(): Promise<{ baseOffset: number; timestampMs: number } | undefined> {
    let found: { baseOffset: number; timestampMs: number } | undefined;
    await this.scanHeaders(this.#start, (header, at) => {
      const timestampMs = batchMaxTimestamp(header, at);
      if (found === undefined || timestampMs > found.timestampMs) {
        found = { baseOffset: batchBaseOffset(header, at), timestampMs };
      }
    });
    return found;
  }

  async scanHeaders(
    from: number,
    visit: (header: Buffer, at: number, bytes: number) => void,
  ): Promise<void> {
    const offset = Math.max(from, this.#start);
    for (const segment of this.#segments) {
      if (segment.endOffset <= offset) continue;
      for (const batch of segment.batches) {
        if (batchNextOffset(batch, 0) > offset) visit(batch, 0, batch.length);
      }
    }
  }

  rollSegment(): void {
    if (this.#active().bytes > 0) this.#roll();
  }

  async trim(before: number): Promise<void> {
    if (before <= this.#start) return;
    if (before > this.#tail) throw this.#outOfRange(before);
    this.#start = before;
    if (before === this.#tail) this.rollSegment();
    while (this.#segments.length > 1 && this.#segments[0]!.endOffset <= before) {
      this.#bytes -= this.#segments.shift()!.bytes;
    }
  }

  segments(): LogSegmentInfo[] {
    return this.#segments.map((segment, index) => ({
      baseOffset: segment.baseOffset,
      endOffset: segment.endOffset,
      bytes: segment.bytes,
      maxTimestampMs: segment.maxTimestampMs,
      closed: index < this.#segments.length - 1,
    }));
  }

  onCommitted(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  configure(options: LogOptions): void {
    this.#options = options;
  }

  stop(reason: Error): void {
    this.#stopped = reason;
    this.#segments = [newSegment(this.#tail)];
  }

  #active(): MemorySegment {
    return this.#segments[this.#segments.length - 1]!;
  }

  #roll(): MemorySegment {
    const segment = newSegment(this.#tail);
    this.#segments.push(segment);
    return segment;
  }

  #notifyLater(): void {
    if (this.#notifying) return;
    this.#notifying = true;
    this.#timers.immediate(() => {
      this.#notifying = false;
      this.#listeners.notify();
    });
  }

  #outOfRange(offset: number): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(this.name, offset, this.#start, this.#tail);
  }
}

function newSegment(baseOffset: number): MemorySegment {
  return { baseOffset, endOffset: baseOffset, bytes: 0, maxTimestampMs: -1, batches: [] };
}

/** Adds what fits from `read.nextOffset` on. False when the read is full. */
function readSegment(
  segment: MemorySegment,
  read: LogRead,
  bytesMax: number,
  oneAtLeast: boolean,
): boolean {
  const { batches } = segment;
  if (read.nextOffset >= segment.endOffset) return true;
  let at = lastAtOrBelow(batches.length, (i) => batchBaseOffset(batches[i]!, 0), read.nextOffset);
  for (; at < batches.length; at++) {
    const batch = batches[at]!;
    const first = read.buffers.length === 0 && oneAtLeast;
    if (!first && read.bytes + batch.length > bytesMax) return false;
    read.buffers.push(batch);
    read.bytes += batch.length;
    read.nextOffset = batchNextOffset(batch, 0);
  }
  return true;
}
