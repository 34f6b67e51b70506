/**
 * What the parts of one log share: the writer changes it, the reader and the engine look at it.
 * The order of the marks always holds: `start <= committed <= tail`, and `written <= tail`.
 */
import { CommitListeners } from '../commit-listeners.ts';
import { CommitWaiters } from '../commit-waiters.ts';
import { LogFailedError, type LogOptions } from '../log.ts';
import { lastAtOrBelow } from '../search.ts';
import { encodeLog, type KnownLog, type KnownSegment } from './checkpoint.ts';
import type { DamageList } from './damage.ts';
import type { LogMarker } from './log-marker.ts';
import type { Segment } from './segment.ts';
import type { LogTail } from './tail-cache.ts';

export class LogState {
  readonly name: string;
  readonly directory: string;
  options: LogOptions;
  /** Oldest first, never empty; the last one grows. */
  segments: Segment[];
  marker: LogMarker;
  readonly damage: DamageList;
  tail: number;
  /** Everything below survives the death of the process. */
  written: number;
  committed: number;
  /** Set once the log has stopped for good. */
  failure: Error | undefined;
  /** Told once, when the log stops. */
  onFailure: ((error: LogFailedError) => void) | undefined;
  readonly cache: LogTail;
  readonly listeners: CommitListeners = new CommitListeners();
  readonly whenWritten: CommitWaiters = new CommitWaiters();
  readonly whenCommitted: CommitWaiters = new CommitWaiters();

  constructor(init: {
    name: string;
    directory: string;
    options: LogOptions;
    segments: Segment[];
    marker: LogMarker;
    damage: DamageList;
    cache: LogTail;
  }) {
    this.name = init.name;
    this.directory = init.directory;
    this.options = init.options;
    this.segments = init.segments;
    this.marker = init.marker;
    this.damage = init.damage;
    this.cache = init.cache;
    this.tail = this.active.endOffset;
    this.written = this.tail;
    this.committed = this.tail;
    this.cache.writtenOffset = this.tail;
    this.whenWritten.seal(this.tail);
    this.whenCommitted.seal(this.tail);
    for (const segment of this.segments) segment.file.onError = (error) => this.fail(error);
  }

  get start(): number {
    return this.marker.start;
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
    this.onFailure?.(error);
    this.whenWritten.reject(this.written, error);
    this.whenCommitted.reject(this.committed, error);
  }

  /** What is durable now, as a line of the checkpoint. */
  checkpointLine(): string {
    const { active, segments } = this;
    const key = `${this.start} ${segments[0]!.baseOffset} ${segments.length} ${active.syncedBytes}`;
    // A segment before the active one that is not synced yet changes what the key does not show.
    const cacheable = segments.length < 2 || !segments[segments.length - 2]!.unsynced;
    if (!cacheable || key !== this.#lineKey) {
      this.#line = encodeLog(this.#known());
      this.#lineKey = cacheable ? key : '';
    }
    return this.#line;
  }

  #line = '';
  #lineKey = '';

  #known(): KnownLog {
    const known: KnownSegment[] = [];
    for (const segment of this.segments) {
      const { baseOffset, syncedOffset, syncedBytes, maxTimestampMs } = segment;
      known.push([baseOffset, syncedOffset, syncedBytes, maxTimestampMs]);
      if (segment.unsynced || syncedBytes < segment.bytes) break;
    }
    return { name: this.name, id: this.marker.id, start: this.start, segments: known };
  }
}
