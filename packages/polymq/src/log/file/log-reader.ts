/** The reading side of one log, where the tail cache does not have it: whole batches from segments. */
import type { DiskFile } from '../../lib/environment/disk.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBytes,
  batchMaxTimestamp,
  batchNextOffset,
} from '../batch.ts';
import { DamagedRangeError, type LogRead } from '../log.ts';
import { isIntact, isPlausibleHeader } from './batch-check.ts';
import { readFully, type ScanEnd } from './batch-scan.ts';
import type { LogState } from './log-state.ts';
import type { Segment } from './segment.ts';

const HINTS_MAX = 16;
const SCAN_BYTES = 256 * 1024;

export class LogReader {
  readonly #state: LogState;
  /** Where readers will probably go on: offset to place. Newest last. */
  readonly #hints = new Map<number, { segment: Segment; position: number }>();

  constructor(state: LogState) {
    this.#state = state;
  }

  async read(offset: number, bytesMax: number, oneAtLeast: boolean): Promise<LogRead> {
    const state = this.#state;
    const segment = state.segments[state.segmentIndex(offset)]!;
    return segment.file.use(async (file) => {
      const position = await this.#locate(segment, file, offset);
      const end = Math.min(segment.endOffset, state.committed);
      const limit = segment.writtenBytes;
      let length = Math.min(Math.max(bytesMax, BATCH_HEADER_BYTES), limit - position);
      let buffer = Buffer.allocUnsafeSlow(length);
      let count = await readFully(file, buffer, length, position);
      let walked = this.#walk(segment, buffer, count, { position, offset }, end, bytesMax);
      if (walked.bytes === 0 && walked.wanted > 0 && oneAtLeast) {
        length = walked.wanted;
        buffer = Buffer.allocUnsafeSlow(length);
        count = await readFully(file, buffer, length, position);
        walked = this.#walk(segment, buffer, count, { position, offset }, end, length);
      }
      if (walked.bytes === 0) return { buffers: [], bytes: 0, nextOffset: offset };
      this.#remember(walked.offset, segment, position + walked.bytes);
      return {
        buffers: [walked.bytes === buffer.length ? buffer : buffer.subarray(0, walked.bytes)],
        bytes: walked.bytes,
        nextOffset: walked.offset,
      };
    });
  }

  #walk(
    segment: Segment,
    buffer: Buffer,
    count: number,
    from: ScanEnd,
    end: number,
    bytesMax: number,
  ): { bytes: number; offset: number; wanted: number } {
    let at = 0;
    let next = -1;
    while (count - at >= BATCH_HEADER_BYTES) {
      const base = batchBaseOffset(buffer, at);
      if (next >= 0 && next >= end) break;
      if (!isPlausibleHeader(buffer, at) || (next >= 0 && base !== next)) {
        throw new DamagedRangeError(this.#state.name, next, segment.endOffset);
      }
      const bytes = batchBytes(buffer, at);
      if (at + bytes > count || at + bytes > bytesMax) {
        return { bytes: at, offset: next < 0 ? from.offset : next, wanted: at === 0 ? bytes : 0 };
      }
      const position = from.position + at;
      if (!segment.verified.covers(position, position + bytes)) {
        if (!isIntact(buffer, at)) {
          throw new DamagedRangeError(this.#state.name, base, segment.endOffset);
        }
        segment.verified.add(position, position + bytes);
      }
      next = batchNextOffset(buffer, at);
      at += bytes;
    }
    return { bytes: at, offset: next < 0 ? from.offset : next, wanted: 0 };
  }

  /** The position of the batch that contains `offset`. */
  async #locate(segment: Segment, file: DiskFile, offset: number): Promise<number> {
    const hint = this.#hints.get(offset);
    if (hint !== undefined && hint.segment === segment) {
      this.#hints.delete(offset);
      return hint.position;
    }
    const entry = segment.index.find(offset);
    let found = -1;
    const from: ScanEnd =
      entry === undefined
        ? { position: 0, offset: segment.baseOffset }
        : { position: segment.index.positionAt(entry), offset: segment.index.offsetAt(entry) };
    await scanHeadersOf(file, from, segment.writtenBytes, (header, at, position) => {
      if (batchNextOffset(header, at) > offset) {
        found = position;
        return false;
      }
      return true;
    });
    if (found < 0) throw new DamagedRangeError(this.#state.name, offset, segment.endOffset);
    return found;
  }

  #remember(offset: number, segment: Segment, position: number): void {
    if (offset >= segment.endOffset) return;
    this.#hints.set(offset, { segment, position });
    if (this.#hints.size > HINTS_MAX) {
      for (const oldest of this.#hints.keys()) {
        this.#hints.delete(oldest);
        break;
      }
    }
  }

  forgetHints(): void {
    this.#hints.clear();
  }

  /** Visits headers in files from `from` up to `end`. */
  async scanHeaders(
    from: number,
    end: number,
    visit: (header: Buffer, at: number, bytes: number) => boolean | undefined,
  ): Promise<void> {
    const state = this.#state;
    let offset = from;
    while (offset < end) {
      const segment = state.segments[state.segmentIndex(offset)]!;
      let stop = false;
      await segment.file.use(async (file) => {
        const position = await this.#locate(segment, file, offset);
        await scanHeadersOf(file, { position, offset }, segment.writtenBytes, (header, at) => {
          if (batchBaseOffset(header, at) >= end) return false;
          offset = batchNextOffset(header, at);
          if (visit(header, at, batchBytes(header, at)) === false) stop = true;
          return !stop;
        });
      });
      if (stop) return;
      if (offset < Math.min(end, segment.endOffset)) {
        throw new DamagedRangeError(state.name, offset, segment.endOffset);
      }
    }
  }

  async findTimestamp(timestampMs: number): Promise<number | undefined> {
    const state = this.#state;
    for (const segment of state.segments) {
      if (segment.maxTimestampMs < timestampMs || segment.endOffset <= state.start) continue;
      let found: number | undefined;
      const from = Math.max(segment.baseOffset, state.start);
      const end = Math.min(segment.endOffset, state.committed);
      await this.scanHeaders(from, end, (header, at) => {
        if (batchMaxTimestamp(header, at) < timestampMs) return true;
        found = batchBaseOffset(header, at);
        return false;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Visits headers one after another, reading only a little where batches are large. */
async function scanHeadersOf(
  file: DiskFile,
  from: ScanEnd,
  size: number,
  visit: (header: Buffer, at: number, position: number) => boolean,
): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(SCAN_BYTES);
  let { position } = from;
  let lastBytes = 0;
  while (size - position >= BATCH_HEADER_BYTES) {
    const wanted = lastBytes > SCAN_BYTES / 8 ? BATCH_HEADER_BYTES : SCAN_BYTES;
    const count = await readFully(file, chunk, Math.min(wanted, size - position), position);
    if (count < BATCH_HEADER_BYTES) return;
    let at = 0;
    while (count - at >= BATCH_HEADER_BYTES) {
      if (!isPlausibleHeader(chunk, at)) return;
      if (!visit(chunk, at, position + at)) return;
      lastBytes = batchBytes(chunk, at);
      at += lastBytes;
    }
    position += at;
  }
}
