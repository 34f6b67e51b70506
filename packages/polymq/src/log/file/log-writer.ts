/**
 * The writing side of one log. Appending only assigns places; at the end of the turn `write` moves what
 * is fresh by one of two lanes:
 *
 *            ┌─ few bytes, to be synced ──► commit log round ──► committed; the segment is written later
 *   append ──┤
 *            └─ else ──► write to the segment ──► sync it (fsync mode) ──► committed
 *
 * One thing at a time: a log in a round, or with a write in flight, is not touched by `write`; what was appended
 * meanwhile goes with the next. A segment's sync may overlap the next write to it. The commit log is
 * used only when nothing written directly waits for its sync, so `committed` never skips anything.
 *
 * Errors: no room takes back what is not safe yet (`StorageFullError`) and the log goes on; any other error
 * of a write, and every error of a sync, stops the log for good.
 */
import { writeInt64 } from '../../lib/bytes/int64.ts';
import type { DiskFile } from '../../lib/environment/disk.ts';
import { AT, batchBaseOffset, LEADER_EPOCH } from '../batch.ts';
import { StorageFullError } from '../log.ts';
import type { CommitParticipant } from './commit-log.ts';
import { RetiredFileError } from './file-pool.ts';
import type { LogContext } from './log-context.ts';
import type { LogState } from './log-state.ts';
import { segmentFileName } from './names.ts';
import { PendingRuns, type Run, splitRuns } from './pending-runs.ts';
import { Segment } from './segment.ts';
import { isStorageFull } from './storage-error.ts';

/** Up to here a single log is better off in the commit log … */
const ALONE_BYTES_MAX = 16 * 1024;
/** … and up to here when it is one of many. */
const CROWDED_BYTES_MAX = 64 * 1024;
const CROWD_COUNT_MIN = 4;
const OS_CROWD_COUNT_MIN = 64;
/** Safe batches are written to the segment when this much has come together, or after a while. */
const FLUSH_BYTES = 64 * 1024;
/** A segment is busy when it holds this part of a preallocation step: small logs stay small. */
const BUSY_FRACTION = 16;

export class LogWriter implements CommitParticipant {
  /** In the list of the next round. */
  queued = false;
  readonly idBytes: Buffer;
  readonly nameBytes: Buffer;
  readonly #state: LogState;
  readonly #context: LogContext;
  readonly #pending = new PendingRuns();
  /** What the round of the commit log in flight has of us. */
  #inRound: Run[] = [];
  #journaling = false;
  #writing: Promise<void> | undefined;
  #syncing = false;
  /** Something was written to a segment that neither a sync nor the commit log covers. */
  #directUnsynced = false;
  /** Safe batches found no room in the segment: no appends until they did. */
  #stalled: StorageFullError | undefined;

  constructor(state: LogState, context: LogContext) {
    this.#state = state;
    this.#context = context;
    this.idBytes = Buffer.from(state.marker.id, 'hex');
    this.nameBytes = Buffer.from(state.name);
  }

  /** Nothing is on its way, and all is in the segments. */
  get settled(): boolean {
    return (
      !this.#journaling &&
      this.#writing === undefined &&
      !this.#syncing &&
      this.#pending.bytes === 0
    );
  }

  append(batch: Buffer): number {
    const state = this.#state;
    if (state.failure !== undefined) throw state.failure;
    if (this.#stalled !== undefined) throw this.#stalled;
    if (this.#context.space.full && !state.options.mayUseReserve)
      throw new StorageFullError(state.name);
    const baseOffset = state.tail;
    writeInt64(batch, baseOffset, AT.baseOffset);
    batch.writeInt32BE(LEADER_EPOCH, AT.leaderEpoch);
    let segment = state.active;
    if (segment.bytes > 0 && segment.bytes + batch.length > state.options.segmentBytes) {
      segment = this.roll();
    }
    const position = segment.place(batch);
    state.tail = segment.endOffset;
    const kept = state.cache.push(baseOffset, batch);
    this.#pending.add(segment, position, kept);
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
    segment.file.onError = (error) => state.fail(error);
    state.segments.push(segment);
    return segment;
  }

  /** Moves on what is fresh. `crowdCount`: how many logs have something in this turn. */
  write(crowdCount: number): void {
    if (this.#busy || this.#state.failure !== undefined) return;
    if (this.#pending.freshBytes === 0) return;
    if (this.#mayJournal(crowdCount)) {
      this.#journaling = true;
      this.#context.commitLog.add(this);
      return;
    }
    this.#writeAll();
  }

  get #busy(): boolean {
    return this.#journaling || this.#writing !== undefined;
  }

  #mayJournal(crowdCount: number): boolean {
    const bytes = this.#pending.freshBytes;
    return (
      bytes <= this.#journalBytesMax(crowdCount) &&
      !this.#syncing &&
      !this.#directUnsynced &&
      this.#context.commitLog.accepts(bytes)
    );
  }

  /** What may go through the commit log in one turn. */
  #journalBytesMax(crowdCount: number): number {
    switch (this.#state.options.durability) {
      case 'fsync':
        return crowdCount >= CROWD_COUNT_MIN ? CROWDED_BYTES_MAX : ALONE_BYTES_MAX;
      case 'os':
        // Alone, a log would only wait for syncs that it does not need; in a large crowd one write and one sync
        // for all is cheaper than a write and, soon after, a sync for each.
        return crowdCount >= OS_CROWD_COUNT_MIN ? CROWDED_BYTES_MAX : 0;
      case 'memory':
        return 0;
    }
  }

  // ── The commit log's side ──

  pendingRuns(): { segmentBase: number; position: number; buffers: Buffer[]; bytes: number }[] {
    const runs = this.#pending.takeFresh();
    this.#inRound = runs;
    const last = runs[runs.length - 1];
    if (last !== undefined) this.#seal(last.endOffset);
    return runs.map(({ segment, position, buffers, bytes }) => {
      return { segmentBase: segment.baseOffset, position, buffers, bytes };
    });
  }

  journalWritten(): void {
    const last = this.#inRound[this.#inRound.length - 1];
    if (last === undefined) return;
    this.#state.setWritten(last.endOffset);
    if (this.#state.options.durability === 'fsync') return;
    if (this.#state.setCommitted(last.endOffset)) this.#state.listeners.notify();
  }

  journalSynced(): void {
    const runs = this.#inRound;
    this.#inRound = [];
    this.#journaling = false;
    const last = runs[runs.length - 1];
    if (last === undefined || this.#state.failure !== undefined) return;
    this.#pending.addSafe(runs);
    this.#context.background.flushLater(this);
    if (this.#state.setCommitted(last.endOffset)) this.#state.listeners.notify();
    if (this.#pending.freshBytes > 0) this.#context.rounds.mark(this);
    else if (this.#pending.safeBytes >= FLUSH_BYTES) this.flush();
  }

  journalFailed(error: unknown): void {
    this.#inRound = [];
    this.#journaling = false;
    this.#fail(error);
  }

  journalRefused(): void {
    this.#journaling = false;
    this.#pending.putBackFresh(this.#inRound);
    this.#inRound = [];
    if (this.#state.failure === undefined && this.#pending.freshBytes > 0) this.#writeAll();
  }

  // ── The segments' side ──

  /** Writes safe batches to their segment. Nobody waits for it. */
  flush(): void {
    if (this.#busy || this.#state.failure !== undefined || this.#pending.safeBytes === 0) return;
    this.#writeRuns(this.#pending.takeSafe(), false);
  }

  /** How much waits in memory for the segment. */
  get safeBytes(): number {
    return this.#pending.safeBytes;
  }

  #writeAll(): void {
    const safe = this.#pending.takeSafe();
    const fresh = this.#pending.takeFresh();
    this.#seal(fresh[fresh.length - 1]!.endOffset);
    this.#writeRuns([...safe, ...fresh], true);
  }

  #writeRuns(runs: Run[], fresh: boolean): void {
    const bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
    const files = this.#context.rounds.mayWriteSync(bytes) ? openFiles(runs) : undefined;
    if (files === undefined) {
      this.#writing = this.#writeLater(runs, fresh);
      return;
    }
    const startMs = this.#context.environment.clock.monotonicMs();
    try {
      for (const [index, run] of runs.entries()) {
        run.segment.file.dirty = true;
        growAhead(files[index]!, run, this.#context.preallocateBytes);
        files[index]!.writeSync(run.buffers, run.position);
      }
    } catch (error) {
      this.#writeFailed(runs, error);
      return;
    }
    this.#context.rounds.wroteSync(this.#context.environment.clock.monotonicMs() - startMs);
    this.#runsWritten(runs, fresh);
  }

  async #writeLater(runs: Run[], fresh: boolean): Promise<void> {
    try {
      for (const run of runs) {
        await run.segment.file.use(async (file) => {
          run.segment.file.dirty = true;
          growAhead(file, run, this.#context.preallocateBytes);
          await file.write(run.buffers, run.position);
        });
      }
    } catch (error) {
      this.#writing = undefined;
      this.#writeFailed(runs, error);
      return;
    }
    this.#writing = undefined;
    if (this.#state.failure !== undefined) return;
    this.#runsWritten(runs, fresh);
    if (this.#pending.freshBytes > 0) this.#context.rounds.mark(this);
  }

  #runsWritten(runs: Run[], fresh: boolean): void {
    const state = this.#state;
    for (const run of runs) run.segment.setWritten(run.position + run.bytes, run.endOffset);
    const end = runs[runs.length - 1]!.endOffset;
    this.#stalled = undefined;
    state.cache.writtenOffset = end;
    if (!fresh) return;
    state.setWritten(end);
    this.#directUnsynced = true;
    if (state.options.durability === 'fsync') {
      this.#sync();
      return;
    }
    // In memory mode nobody was promised a sync; checkpoints bring one now and then.
    if (state.options.durability === 'os') {
      state.setCommitted(end);
      this.#context.background.syncLater(this);
    }
    state.listeners.notify();
  }

  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    void this.#syncDirect();
  }

  async #syncDirect(): Promise<void> {
    const state = this.#state;
    for (;;) {
      const end = state.written;
      if (!(await this.#syncSegments())) break;
      if (state.setCommitted(end)) state.listeners.notify();
      if (state.written === end) {
        this.#directUnsynced = false;
        break;
      }
    }
    this.#syncing = false;
    if (this.#pending.freshBytes > 0) this.#context.rounds.mark(this);
  }

  /** Syncs what is written. For modes in which nobody waits for it. */
  syncInBackground(): void {
    if (this.#state.failure === undefined) this.#sync();
  }

  /** Syncs all segments that need it. False if the log has stopped. */
  async #syncSegments(): Promise<boolean> {
    const state = this.#state;
    try {
      if (state.failure !== undefined) return false;
      const unsynced = state.segments.filter((segment) => segment.unsynced);
      await Promise.all(unsynced.map((segment) => this.#syncSegment(segment)));
    } catch (error) {
      this.#fail(error);
    }
    return state.failure === undefined;
  }

  async #syncSegment(segment: Segment): Promise<void> {
    try {
      await this.#syncFile(segment);
    } catch (error) {
      // A segment that was trimmed meanwhile needs no sync any more.
      if (!(error instanceof RetiredFileError)) throw error;
    }
  }

  async #syncFile(segment: Segment): Promise<void> {
    const { environment, metrics, folders } = this.#context;
    const { writtenBytes, writtenOffset } = segment;
    await segment.file.use(async (file) => {
      if (segment.closed && segment.overlong) await cut(segment, file);
      const startMs = environment.clock.monotonicMs();
      await file.datasync();
      metrics.syncs++;
      metrics.onSync?.(environment.clock.monotonicMs() - startMs);
    });
    if (!segment.named) {
      await folders.sync(this.#state.directory);
      segment.named = true;
    }
    segment.setSynced(writtenBytes, writtenOffset);
  }

  /**
   * Everything that is safe now is in synced segments when it resolves. Rejects with `StorageFullError` if
   * there is no room; resolves, too, if the log has stopped.
   */
  async settle(): Promise<void> {
    for (;;) {
      if (this.#state.failure !== undefined) return;
      if (this.#writing !== undefined) await this.#writing;
      else if (this.#pending.safeBytes === 0) break;
      else if (this.#journaling) {
        // The safe part may be written beside a round in flight: it is not what the round has.
        this.#writeRuns(this.#pending.takeSafe(), false);
      } else this.flush();
      if (this.#stalled !== undefined) throw this.#stalled;
    }
    await this.#syncSegments();
  }

  /** Nothing of this segment, which is closed, is on its way to its file any more. */
  async whenWrittenOut(segment: Segment): Promise<void> {
    const { immediate } = this.#context.environment.timers;
    while (this.#state.failure === undefined && segment.writtenBytes < segment.bytes) {
      this.flush();
      await new Promise<void>((resolve) => immediate(resolve));
    }
  }

  /** Commits what is pending, for closing. */
  async finish(): Promise<void> {
    while (!this.settled && this.#state.failure === undefined && this.#stalled === undefined) {
      this.write(0);
      this.#context.commitLog.start();
      this.flush();
      await new Promise<void>((resolve) => this.#context.environment.timers.immediate(resolve));
    }
    if (this.#stalled !== undefined || this.#state.failure !== undefined) return;
    const { active } = this.#state;
    if (active.overlong) await active.file.use((file) => cut(active, file));
    await this.settle();
  }

  #seal(end: number): void {
    this.#state.whenWritten.seal(end);
    this.#state.whenCommitted.seal(end);
  }

  #fail(error: unknown): void {
    this.#state.fail(error);
    this.#pending.clear();
  }

  // ── No room ──

  #writeFailed(runs: Run[], error: unknown): void {
    const state = this.#state;
    if (!isStorageFull(error)) {
      this.#fail(error);
      return;
    }
    this.#context.space.noteFull();
    const full = new StorageFullError(state.name, error);
    // What is committed or safe stays and is written later; the rest is taken back.
    const keep = Math.max(state.written, state.committed);
    const { before, from } = splitRuns(runs, keep);
    this.#pending.putBackSafe(before);
    if (before.length > 0) {
      this.#stalled = full;
      this.#context.background.flushLater(this);
    }
    const lost = [...from, ...this.#pending.takeFresh()];
    if (lost.length > 0) this.#writing = this.#takeBack(lost[0]!, full);
  }

  async #takeBack(first: Run, full: StorageFullError): Promise<void> {
    const state = this.#state;
    const offset = batchBaseOffset(first.buffers[0]!, 0);
    const gone: Segment[] = [];
    while (state.active.baseOffset > offset) gone.push(state.segments.pop()!);
    state.active.takeBack(state.active === first.segment ? first.position : 0, offset);
    state.cache.removeFrom(offset);
    state.tail = offset;
    state.whenWritten.reject(offset, full);
    state.whenCommitted.reject(offset, full);
    try {
      for (const segment of gone) {
        await segment.file.retire();
        await this.#context.environment.disk.remove(segment.file.path);
      }
      // A part of the write may be in the file; what comes next must not follow it.
      const { active } = state;
      await active.file.use((file) => file.truncate(active.writtenBytes));
      active.allocatedBytes = 0;
    } catch (error) {
      this.#fail(error);
    }
    this.#writing = undefined;
    if (this.#pending.freshBytes > 0) this.#context.rounds.mark(this);
  }
}

/**
 * Makes the file of a busy segment longer ahead of the writes: a write inside the file's size costs a third less
 * and its sync need not record a new size. Recovery reads the zeros as the end. In the same turn as the write,
 * so that it can never cut one.
 */
function growAhead(file: DiskFile, { segment, position, bytes }: Run, stepBytes: number): void {
  const end = position + bytes;
  if (segment.closed || end <= segment.allocatedBytes || end < stepBytes / BUSY_FRACTION) return;
  if (stepBytes === 0) return;
  file.growSync(end + stepBytes);
  segment.allocatedBytes = end + stepBytes;
}

/** Ends the file where its batches end. */
async function cut(segment: Segment, file: DiskFile): Promise<void> {
  await file.truncate(segment.bytes);
  segment.allocatedBytes = 0;
}

/** The files of all runs if they are open right now. */
function openFiles(runs: readonly Run[]): DiskFile[] | undefined {
  const files: DiskFile[] = [];
  for (const run of runs) {
    const file = run.segment.file.now;
    if (file === undefined) return undefined;
    files.push(file);
  }
  return files;
}
