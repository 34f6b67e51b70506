/**
 * The reading side of one log, where the tail cache does not have it: whole batches from segments.
 *
 * Every batch read from a file is checked: its header, its place in the chain of offsets, and, the first time
 * since the log was opened, its checksum. What fails is taken out of service: the range up to the next intact
 * batch is recorded in the quarantine, and reads of it throw from then on. Everything else is served.
 */
import { release } from '../../lib/arena.ts';
import type { DiskFile } from '../../lib/environment/disk.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBytes,
  batchMaxTimestamp,
  batchNextOffset,
} from '../batch.ts';
import { DamagedRangeError, LogFailedError, type LogRead, OffsetOutOfRangeError } from '../log.ts';
import { isIntact, isPlausibleHeader } from './batch-check.ts';
import { readFully, type ScanEnd, scanBatches } from './batch-scan.ts';
import { RetiredFileError } from './file-pool.ts';
import { scanHeaders } from './header-scan.ts';
import type { LogContext } from './log-context.ts';
import type { LogState } from './log-state.ts';
import { findNextBatch } from './next-batch.ts';
import type { Segment } from './segment.ts';

/** One answer holds no more of one log than this, or than one batch: the reader comes again. */
const READ_BYTES_MAX = 4 * 1024 * 1024;
/** Memory is taken in powers of two from here on, so that it fits the next read too. */
const ARENA_BYTES_MIN = 64 * 1024;

/** Places where readers will probably go on. */
const HINTS_MAX = 16;
/** A range that fails again and again without being found damaged is a fault of the disk. */
const ATTEMPTS_MAX = 4;

export type HeaderVisitor = (header: Buffer, at: number, bytes: number) => boolean;

/** The whole batches at the beginning of a buffer, and the size of the first, whole or not. */
interface Walked {
  bytes: number;
  offset: number;
  firstBytes: number;
}

/** Something in the file is not as it must be. Never leaves this module. */
class BrokenChain extends Error {}

export class LogReader {
  readonly #state: LogState;
  readonly #context: LogContext;
  readonly #hints = new Map<number, { segment: Segment; position: number }>();
  #quarantining: Promise<void> = Promise.resolve();

  constructor(state: LogState, context: LogContext) {
    this.#state = state;
    this.#context = context;
  }

  read(offset: number, bytesMax: number, oneAtLeast: boolean): Promise<LogRead> {
    return this.#withRepair(offset, (segment, file) =>
      this.#readSegment(segment, file, { offset, bytesMax, oneAtLeast }),
    );
  }

  /** Visits headers from the batch that contains `from` up to `end`, until `visit` returns false. */
  async scan(from: number, end: number, visit: HeaderVisitor): Promise<void> {
    const state = this.#state;
    let offset = from;
    while (offset < end) {
      if (offset >= state.cache.firstOffset) {
        state.cache.visit(offset, end, visit);
        return;
      }
      const damaged = state.damage.find(offset);
      if (damaged !== undefined) {
        offset = damaged.end;
        continue;
      }
      const next = await this.#withRepair(offset, (segment, file) =>
        this.#scanSegment(segment, file, { offset, end }, visit),
      );
      if (next === undefined) return;
      offset = next;
    }
  }

  async findTimestamp(timestampMs: number): Promise<number | undefined> {
    const state = this.#state;
    const end = state.committed;
    let found: number | undefined;
    for (const segment of [...state.segments]) {
      if (segment.maxTimestampMs < timestampMs || segment.endOffset <= state.start) continue;
      const from = Math.max(state.start, await this.#stretchWith(segment, timestampMs));
      await this.scan(from, Math.min(end, segment.endOffset), (header, at) => {
        if (batchMaxTimestamp(header, at) < timestampMs) return true;
        found = batchBaseOffset(header, at);
        return false;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async findMaxTimestamp(): Promise<{ baseOffset: number; timestampMs: number } | undefined> {
    const state = this.#state;
    let found: { baseOffset: number; timestampMs: number } | undefined;
    const bySize = [...state.segments].sort((a, b) => b.maxTimestampMs - a.maxTimestampMs);
    for (const segment of bySize) {
      if (found !== undefined && segment.maxTimestampMs <= found.timestampMs) break;
      const from = Math.max(segment.baseOffset, state.start);
      await this.scan(from, Math.min(segment.endOffset, state.committed), (header, at) => {
        const timestampMs = batchMaxTimestamp(header, at);
        const baseOffset = batchBaseOffset(header, at);
        const better =
          found === undefined ||
          timestampMs > found.timestampMs ||
          (timestampMs === found.timestampMs && baseOffset < found.baseOffset);
        if (better) found = { baseOffset, timestampMs };
        return true;
      });
    }
    return found;
  }

  /** The offset of the first stretch of the segment that has a timestamp as late as this. */
  async #stretchWith(segment: Segment, timestampMs: number): Promise<number> {
    await segment.file.use((file) =>
      this.#context.indexes.ensure(segment, file, this.#state.damage),
    );
    const { index } = segment;
    for (let entry = 0; entry < index.count; entry++) {
      if (index.maxTimestampAt(entry) >= timestampMs) return index.offsetAt(entry);
    }
    return segment.baseOffset;
  }

  /** Runs `action`; what it finds broken is taken out of service, and it is tried again. */
  async #withRepair<T>(
    offset: number,
    action: (segment: Segment, file: DiskFile) => Promise<T>,
  ): Promise<T> {
    const state = this.#state;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const damaged = state.damage.find(offset);
      if (damaged !== undefined) throw new DamagedRangeError(state.name, offset, damaged.end);
      const segment = state.segments[state.segmentIndex(offset)]!;
      try {
        return await segment.file.use((file) => action(segment, file));
      } catch (error) {
        if (error instanceof RetiredFileError) throw this.#gone(offset);
        if (!(error instanceof BrokenChain)) throw error;
        this.#quarantining = this.#quarantining.then(() => this.#takeOut(segment, offset));
        await this.#quarantining;
      }
    }
    throw new LogFailedError(state.name, new Error(`reading at offset ${offset} keeps failing`));
  }

  /** Why a segment was removed under a reader: its log was deleted, or the offset is trimmed. */
  #gone(offset: number): Error {
    const { failure, name, start, committed } = this.#state;
    return failure ?? new OffsetOutOfRangeError(name, offset, start, committed);
  }

  async #readSegment(
    segment: Segment,
    file: DiskFile,
    wanted: { offset: number; bytesMax: number; oneAtLeast: boolean },
  ): Promise<LogRead> {
    const from = await this.#locate(segment, file, wanted.offset);
    const limit = this.#limit(segment, from.position);
    const asked = Math.min(wanted.bytesMax, READ_BYTES_MAX);
    const length = Math.min(Math.max(asked, BATCH_HEADER_BYTES), limit - from.position);
    let { walked, ...read } = await this.#readAt(segment, file, from, length, asked);
    if (walked.bytes === 0 && walked.firstBytes > 0 && wanted.oneAtLeast) {
      release(read.buffer);
      const first = walked.firstBytes;
      if (from.position + first > limit) throw new BrokenChain();
      ({ walked, ...read } = await this.#readAt(segment, file, from, first, first));
    }
    const { buffer } = read;
    if (walked.bytes === 0) {
      release(buffer);
      // The header says that there is more than the file has, or there is not even a header.
      if (walked.firstBytes === 0 || buffer.length < length) throw new BrokenChain();
      return { buffers: [], bytes: 0, nextOffset: wanted.offset };
    }
    this.#remember(walked.offset, segment, from.position + walked.bytes);
    return {
      buffers: [walked.bytes === buffer.length ? buffer : buffer.subarray(0, walked.bytes)],
      bytes: walked.bytes,
      nextOffset: walked.offset,
    };
  }

  /** Reads up to `length` bytes and looks what they hold. The buffer has as many as there were. */
  async #readAt(
    segment: Segment,
    file: DiskFile,
    from: ScanEnd,
    length: number,
    bytesMax: number,
  ): Promise<{ buffer: Buffer; walked: Walked }> {
    const memory = this.#context.arenas.take(arenaBytes(length));
    const count = await readFully(file, memory, length, from.position);
    const buffer = memory.subarray(0, count);
    return { buffer, walked: this.#walk(segment, buffer, from, bytesMax) };
  }

  /** Takes the whole, intact, committed batches at the beginning of `buffer`. */
  #walk(segment: Segment, buffer: Buffer, from: ScanEnd, bytesMax: number): Walked {
    const end = Math.min(segment.endOffset, this.#state.committed);
    let { offset } = from;
    let at = 0;
    let firstBytes = 0;
    while (buffer.length - at >= BATCH_HEADER_BYTES && offset < end) {
      const sound = isPlausibleHeader(buffer, at) && batchBaseOffset(buffer, at) === offset;
      const bytes = sound ? batchBytes(buffer, at) : 0;
      if (at === 0) firstBytes = bytes;
      if (!sound) break;
      if (at + bytes > buffer.length || at + bytes > bytesMax) break;
      const position = from.position + at;
      if (!segment.verified.covers(position, position + bytes)) {
        if (!isIntact(buffer, at)) {
          if (at === 0) firstBytes = 0;
          break;
        }
        segment.verified.add(position, position + bytes);
      }
      offset = batchNextOffset(buffer, at);
      at += bytes;
    }
    return { bytes: at, offset, firstBytes };
  }

  async #scanSegment(
    segment: Segment,
    file: DiskFile,
    range: { offset: number; end: number },
    visit: HeaderVisitor,
  ): Promise<number | undefined> {
    const state = this.#state;
    const from = await this.#locate(segment, file, range.offset);
    const end = Math.min(range.end, state.cache.firstOffset, segment.writtenOffset);
    const limit = this.#limit(segment, from.position);
    let stopped = false;
    const at = await scanHeaders(file, from, limit, (header, headerAt) => {
      if (batchBaseOffset(header, headerAt) >= end) return false;
      stopped = !visit(header, headerAt, batchBytes(header, headerAt));
      return !stopped;
    });
    if (stopped) return undefined;
    if (at.offset < end && at.position < limit) throw new BrokenChain();
    return at.offset;
  }

  /** Where the batch that contains `offset` begins, and its base offset. */
  async #locate(segment: Segment, file: DiskFile, offset: number): Promise<ScanEnd> {
    const hint = this.#hints.get(offset);
    if (hint !== undefined && hint.segment === segment) {
      this.#hints.delete(offset);
      return this.#skipDamage(segment, { position: hint.position, offset });
    }
    let from = await this.#entryBefore(segment, file, offset);
    for (;;) {
      const limit = this.#limit(segment, from.position);
      const at = await scanHeaders(file, from, limit, (header, headerAt) => {
        return batchNextOffset(header, headerAt) <= offset;
      });
      if (at.position < limit) {
        // It stopped at the batch, or at something that is none: reading it will tell.
        if (at.offset > offset) throw new BrokenChain();
        return at;
      }
      from = this.#skipDamage(segment, at);
      if (from.position === at.position) throw new BrokenChain();
    }
  }

  async #entryBefore(segment: Segment, file: DiskFile, offset: number): Promise<ScanEnd> {
    await this.#context.indexes.ensure(segment, file, this.#state.damage);
    const entry = segment.index.find(offset);
    if (entry === undefined || segment.index.positionAt(entry) >= segment.writtenBytes) {
      return this.#skipDamage(segment, { position: 0, offset: segment.baseOffset });
    }
    const position = segment.index.positionAt(entry);
    return this.#skipDamage(segment, { position, offset: segment.index.offsetAt(entry) });
  }

  #skipDamage(segment: Segment, at: ScanEnd): ScanEnd {
    let from = at;
    for (;;) {
      const damaged = this.#state.damage.from(segment.baseOffset, from.position);
      if (damaged === undefined || damaged.position > from.position) return from;
      from = { position: damaged.endPosition, offset: damaged.end };
    }
  }

  /** Up to where the file can be read from `position` on without meeting known damage. */
  #limit(segment: Segment, position: number): number {
    const damaged = this.#state.damage.from(segment.baseOffset, position);
    return Math.min(segment.writtenBytes, damaged?.position ?? segment.writtenBytes);
  }

  /** Finds the damage at or behind `offset` and records it. */
  async #takeOut(segment: Segment, offset: number): Promise<void> {
    const state = this.#state;
    if (state.damage.find(offset) !== undefined) return;
    this.#hints.clear();
    await segment.file.use(async (file) => {
      const from = await this.#entryBefore(segment, file, offset);
      const endPosition = this.#limit(segment, from.position);
      const bad = await scanBatches(file, from, endPosition, () => undefined);
      if (bad.position >= endPosition) return;
      const { writtenOffset } = segment;
      const next = await findNextBatch(file, {
        position: bad.position + 1,
        endPosition,
        offset: bad.offset,
        endOffset: writtenOffset,
      });
      const known = state.damage.from(segment.baseOffset, bad.position);
      const range = {
        start: bad.offset,
        end: next?.offset ?? known?.start ?? writtenOffset,
        segmentBase: segment.baseOffset,
        position: bad.position,
        endPosition: next?.position ?? endPosition,
      };
      await this.#context.quarantine.record(state.name, state.marker.id, range, file);
      state.damage.add(range);
      this.#context.metrics.damagedRanges++;
    });
  }

  #remember(offset: number, segment: Segment, position: number): void {
    if (offset >= segment.endOffset) return;
    this.#hints.set(offset, { segment, position });
    if (this.#hints.size <= HINTS_MAX) return;
    for (const oldest of this.#hints.keys()) {
      this.#hints.delete(oldest);
      return;
    }
  }
}

function arenaBytes(length: number): number {
  let bytes = ARENA_BYTES_MIN;
  while (bytes < length) bytes *= 2;
  return bytes;
}
