/** The writing side of one log. */
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { AT, batchNextOffset, LEADER_EPOCH } from '../batch.ts';
import { StorageFullError } from '../log.ts';
import type { LogContext } from './log-context.ts';
import type { LogState } from './log-state.ts';
import { segmentFileName } from './names.ts';
import { Segment } from './segment.ts';

/** Batches that follow each other in one segment and are in no file yet. */
interface Run {
  segment: Segment;
  position: number;
  buffers: Buffer[];
  bytes: number;
  baseOffset: number;
  endOffset: number;
}

const SYNC_WRITE_BYTES_MAX = 512 * 1024;

export class LogWriter {
  /** In the list of the next round. */
  queued = false;
  readonly #state: LogState;
  readonly #context: LogContext;
  #runs: Run[] = [];
  #writing = false;
  #syncing = false;

  constructor(state: LogState, context: LogContext) {
    this.#state = state;
    this.#context = context;
  }

  get idle(): boolean {
    return !this.#writing && !this.#syncing && this.#runs.length === 0;
  }

  append(batch: Buffer): number {
    const state = this.#state;
    if (state.failure !== undefined) throw state.failure;
    const baseOffset = state.tail;
    writeInt64(batch, baseOffset, AT.baseOffset);
    batch.writeInt32BE(LEADER_EPOCH, AT.leaderEpoch);
    let segment = state.active;
    if (segment.bytes > 0 && segment.bytes + batch.length > state.options.segmentBytes) {
      segment = this.roll();
    }
    const position = segment.place(batch);
    state.tail = segment.endOffset;
    state.cache.push(baseOffset, batch);
    this.#addToRun(segment, position, batch, baseOffset);
    this.#context.metrics.appendedBatches++;
    this.#context.metrics.appendedBytes += batch.length;
    if (state.options.durability === 'memory') state.setCommitted(state.tail);
    this.#context.rounds.mark(this);
    return baseOffset;
  }

  roll(): Segment {
    const state = this.#state;
    state.active.closed = true;
    const path = `${state.directory}/${segmentFileName(state.tail)}`;
    const segment = new Segment(state.tail, this.#context.pool.file(path));
    state.segments.push(segment);
    return segment;
  }

  /** Writes what is pending. Called at the end of a turn. */
  write(): void {
    const state = this.#state;
    if (this.#writing || state.failure !== undefined) return;
    const runs = this.#runs;
    if (runs.length === 0) return;
    this.#runs = [];
    const end = runs[runs.length - 1]!.endOffset;
    state.whenWritten.seal(end);
    state.whenCommitted.seal(end);
    const only = runs.length === 1 ? runs[0]! : undefined;
    const file = only && only.bytes <= SYNC_WRITE_BYTES_MAX ? only.segment.file.now : undefined;
    if (only === undefined || file === undefined) {
      this.#writing = true;
      void this.#writeLater(runs);
      return;
    }
    try {
      only.segment.file.dirty = true;
      file.writeSync(only.buffers, only.position);
    } catch (error) {
      this.#writeFailed(runs, error);
      return;
    }
    this.#written(runs);
  }

  async #writeLater(runs: Run[]): Promise<void> {
    try {
      for (const run of runs) {
        await run.segment.file.use(async (file) => {
          run.segment.file.dirty = true;
          await file.write(run.buffers, run.position);
        });
      }
    } catch (error) {
      this.#writing = false;
      this.#writeFailed(runs, error);
      return;
    }
    this.#writing = false;
    this.#written(runs);
    if (this.#runs.length > 0) this.#context.rounds.mark(this);
  }

  #written(runs: Run[]): void {
    const state = this.#state;
    for (const run of runs) run.segment.writtenBytes = run.position + run.bytes;
    const end = runs[runs.length - 1]!.endOffset;
    state.cache.writtenOffset = end;
    state.setWritten(end);
    if (state.options.durability === 'fsync') {
      this.#sync();
      return;
    }
    if (state.options.durability === 'os') state.setCommitted(end);
    state.listeners.notify();
  }

  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    void this.#syncWritten();
  }

  async #syncWritten(): Promise<void> {
    const state = this.#state;
    const end = state.written;
    try {
      await Promise.all(this.#unsynced().map((segment) => this.#syncSegment(segment)));
    } catch (error) {
      this.#syncing = false;
      state.fail(error);
      return;
    }
    this.#syncing = false;
    if (state.failure !== undefined) return;
    if (state.setCommitted(end)) state.listeners.notify();
    if (state.written > end) this.#sync();
  }

  #unsynced(): Segment[] {
    return this.#state.segments.filter(
      (segment) => segment.syncedBytes < segment.writtenBytes || !segment.named,
    );
  }

  async #syncSegment(segment: Segment): Promise<void> {
    const { clock, disk } = this.#context.environment;
    const bytes = segment.writtenBytes;
    await segment.file.use(async (file) => {
      const startMs = clock.monotonicMs();
      await file.datasync();
      this.#context.metrics.syncs++;
      this.#context.metrics.onSync?.(clock.monotonicMs() - startMs);
    });
    if (!segment.named) {
      await disk.syncDirectory(this.#state.directory);
      segment.named = true;
    }
    segment.syncedBytes = bytes;
    if (segment.writtenBytes === bytes) segment.file.dirty = false;
  }

  #addToRun(segment: Segment, position: number, batch: Buffer, baseOffset: number): void {
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.segment === segment) {
      last.buffers.push(batch);
      last.bytes += batch.length;
      last.endOffset = segment.endOffset;
      return;
    }
    this.#runs.push({
      segment,
      position,
      buffers: [batch],
      bytes: batch.length,
      baseOffset,
      endOffset: batchNextOffset(batch, 0),
    });
  }

  #writeFailed(runs: Run[], error: unknown): void {
    this.#runs = [];
    void runs;
    void StorageFullError;
    this.#state.fail(error);
  }

  /** Writes and syncs everything, for closing. */
  async finish(): Promise<void> {
    while (!this.idle && this.#state.failure === undefined) {
      this.write();
      await new Promise<void>((resolve) => this.#context.environment.timers.immediate(resolve));
    }
    if (this.#state.failure !== undefined) return;
    await Promise.all(this.#unsynced().map((segment) => this.#syncSegment(segment)));
  }
}
