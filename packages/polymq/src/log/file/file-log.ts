/**
 * A log in files: the port, put together from its writer and its reader, which share a `LogState`.
 * What a log answers after a failure or after its end is decided here.
 */
import {
  type Log,
  LogFailedError,
  type LogOptions,
  type LogRead,
  type LogSegmentInfo,
  OffsetOutOfRangeError,
} from '../log.ts';
import type { LogContext } from './log-context.ts';
import { raiseMarker } from './log-marker.ts';
import { LogReader } from './log-reader.ts';
import type { LogState } from './log-state.ts';
import { LogWriter } from './log-writer.ts';
import { indexPathOf } from './names.ts';

const RESOLVED = Promise.resolve();

export class FileLog implements Log {
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly reader: LogReader;
  readonly #context: LogContext;
  closed: LogFailedError | undefined;
  #trimming: Promise<void> = Promise.resolve();

  constructor(state: LogState, context: LogContext) {
    this.state = state;
    this.#context = context;
    this.writer = new LogWriter(state, context);
    this.reader = new LogReader(state, context);
    state.onFailure = (error) => {
      // To be closed or deleted is no failure that anybody has to hear of.
      if (this.closed === undefined) context.metrics.onFailure?.(error);
    };
  }

  get name(): string {
    return this.state.name;
  }

  get start(): number {
    return this.state.start;
  }

  get committed(): number {
    return this.state.committed;
  }

  get tail(): number {
    return this.state.tail;
  }

  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.state.segments) bytes += segment.bytes;
    return bytes;
  }

  append(batch: Buffer): number {
    return this.writer.append(batch);
  }

  whenCommitted(offset: number): Promise<void> {
    const { state } = this;
    if (offset <= state.committed) return RESOLVED;
    if (state.failure !== undefined) return Promise.reject(state.failure);
    if (offset > state.tail) return Promise.reject(this.#outOfRange(offset));
    return state.whenCommitted.wait(offset);
  }

  whenWritten(offset: number): Promise<void> {
    const { state } = this;
    if (offset <= state.written) return RESOLVED;
    if (state.failure !== undefined) return Promise.reject(state.failure);
    if (offset > state.tail) return Promise.reject(this.#outOfRange(offset));
    return state.whenWritten.wait(offset);
  }

  read(offset: number, bytesMax: number, oneAtLeast: boolean): LogRead | Promise<LogRead> {
    const { state } = this;
    if (this.closed !== undefined) throw this.closed;
    if (offset < state.start || offset > state.committed) throw this.#outOfRange(offset);
    if (offset === state.committed) return { buffers: [], bytes: 0, nextOffset: offset };
    if (offset >= state.cache.firstOffset) {
      const read: LogRead = { buffers: [], bytes: 0, nextOffset: offset };
      state.cache.read(read, state.committed, bytesMax, oneAtLeast);
      this.#context.metrics.readBytes += read.bytes;
      return read;
    }
    return this.#readFile(offset, bytesMax, oneAtLeast);
  }

  async #readFile(offset: number, bytesMax: number, oneAtLeast: boolean): Promise<LogRead> {
    const read = await this.reader.read(offset, bytesMax, oneAtLeast);
    this.#context.metrics.readBytes += read.bytes;
    return read;
  }

  async findTimestamp(timestampMs: number): Promise<number | undefined> {
    this.#checkUsable();
    return this.reader.findTimestamp(timestampMs);
  }

  async findMaxTimestamp(): Promise<{ baseOffset: number; timestampMs: number } | undefined> {
    this.#checkUsable();
    return this.reader.findMaxTimestamp();
  }

  async scanHeaders(
    from: number,
    visit: (header: Buffer, at: number, bytes: number) => void,
  ): Promise<void> {
    this.#checkUsable();
    const { state } = this;
    await this.reader.scan(Math.max(from, state.start), state.committed, (header, at, bytes) => {
      visit(header, at, bytes);
      return true;
    });
  }

  rollSegment(): void {
    if (this.state.active.bytes > 0) this.writer.roll();
  }

  trim(before: number): Promise<void> {
    const trimming = this.#trimming.then(() => this.#trim(before));
    this.#trimming = trimming.catch(() => undefined);
    return trimming;
  }

  async #trim(before: number): Promise<void> {
    this.#checkUsable();
    const { state } = this;
    const { environment, folders } = this.#context;
    if (before <= state.start) return;
    if (before > state.committed) throw this.#outOfRange(before);
    const from = state.marker;
    const to = { id: from.id, start: before };
    await raiseMarker(environment.disk, folders, state.directory, { from, to });
    state.marker = to;
    if (before === state.tail) this.rollSegment();
    state.damage.trim(before);
    while (state.segments.length > 1 && state.segments[0]!.endOffset <= before) {
      const segment = state.segments.shift()!;
      await this.writer.whenWrittenOut(segment);
      await segment.file.retire();
      await environment.disk.remove(segment.file.path);
      await environment.disk.remove(indexPathOf(segment.file.path));
    }
  }

  segments(): LogSegmentInfo[] {
    return this.state.segments.map((segment) => ({
      baseOffset: segment.baseOffset,
      endOffset: segment.endOffset,
      bytes: segment.bytes,
      maxTimestampMs: segment.maxTimestampMs,
      closed: segment.closed,
    }));
  }

  onCommitted(listener: () => void): () => void {
    return this.state.listeners.add(listener);
  }

  configure(options: LogOptions): void {
    this.state.options = options;
  }

  /** A log that has stopped still serves what it has; one that is closed or deleted does not. */
  #checkUsable(): void {
    if (this.closed !== undefined) throw this.closed;
  }

  /** Ends the use of this object. */
  close(reason: string): void {
    this.closed = new LogFailedError(this.name, new Error(reason));
    this.state.fail(this.closed);
    this.state.cache.clear();
  }

  #outOfRange(offset: number): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(this.name, offset, this.state.start, this.state.committed);
  }
}
