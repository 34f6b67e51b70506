/** What the parts of one log share: the writer changes it, the reader and the engine look at it. */
import { CommitListeners } from '../commit-listeners.ts';
import { CommitWaiters } from '../commit-waiters.ts';
import { LogFailedError, type LogOptions } from '../log.ts';
import { lastAtOrBelow } from '../search.ts';
import type { Segment } from './segment.ts';
import type { LogTail } from './tail-cache.ts';

export class LogState {
  readonly name: string;
  readonly directory: string;
  options: LogOptions;
  /** Oldest first, never empty; the last one grows. */
  segments: Segment[];
  start: number;
  tail: number;
  /** Everything below survives the death of the process. */
  written: number;
  committed: number;
  /** Set once the log has stopped for good. */
  failure: Error | undefined;
  readonly cache: LogTail;
  readonly listeners: CommitListeners = new CommitListeners();
  readonly whenWritten: CommitWaiters = new CommitWaiters();
  readonly whenCommitted: CommitWaiters = new CommitWaiters();

  constructor(init: {
    name: string;
    directory: string;
    options: LogOptions;
    segments: Segment[];
    start: number;
    cache: LogTail;
  }) {
    this.name = init.name;
    this.directory = init.directory;
    this.options = init.options;
    this.segments = init.segments;
    this.start = init.start;
    this.cache = init.cache;
    this.tail = this.active.endOffset;
    this.written = this.tail;
    this.committed = this.tail;
    this.cache.writtenOffset = this.tail;
    this.whenWritten.seal(this.tail);
    this.whenCommitted.seal(this.tail);
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1]!;
  }

  /** The index of the segment that holds `offset`. */
  segmentIndex(offset: number): number {
    return lastAtOrBelow(this.segments.length, (i) => this.segments[i]!.baseOffset, offset);
  }

  setWritten(offset: number): void {
    if (offset <= this.written) return;
    this.written = offset;
    this.whenWritten.advance(offset);
  }

  /** Returns true if it was an advance; the caller then notifies the listeners. */
  setCommitted(offset: number): boolean {
    if (offset <= this.committed) return false;
    this.committed = offset;
    this.whenCommitted.advance(offset);
    return true;
  }

  /** Stops the log for good: nobody knows what the disk holds now. */
  fail(cause: unknown): void {
    if (this.failure !== undefined) return;
    const error = cause instanceof LogFailedError ? cause : new LogFailedError(this.name, cause);
    this.failure = error;
    this.whenWritten.reject(this.written, error);
    this.whenCommitted.reject(this.committed, error);
  }
}
