/**
 * What keeps memory and the journal small, one thing at a time and in slices:
 *
 *   evict      committed messages leave memory, oldest first                when much of the memory is theirs
 *   spill      messages that are in memory only go to the journal           when half of it is in use
 *   trim       the journal ends where the first message is alive            when that frees a segment
 *   relocate   what is alive at the beginning moves to the end              when little of the journal is alive
 *   snapshot   rows are written down, for a quick start                     after so much journal
 *
 * The journal may be trimmed up to an extent when no row needs what is below. Recovery knows it: rows and marks that lie
 * below the start of the journal are gone.
 */
import type { Clock, Timer, Timers } from '../../../lib/environment/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { BlobStore, Durability, Log } from '../../../log/log.ts';
import type { Extent } from './extents.ts';
import { Mover } from './mover.ts';
import { endForMarks, rewriteMarks } from './old-marks.ts';
import { type CleanMark, type Manifest, SnapshotWriter, snapshotKey } from './snapshot.ts';
import type { Store, StoreParts } from './store.ts';

const REVIEW_MS = 5000;
/** Chunks and extents together should not have more than this part of the memory, but an eighth is the extents'. */
const EVICT_TOGETHER = 0.4375;
/** Chunks are spilled until both have about this part. */
const SPILL_TO = 0.375;
/** Relocation begins when the journal has this many segments, and less than this part of it is alive. */
const RELOCATE_SEGMENTS_MIN = 4;
const RELOCATE_BELOW = 0.4;
/** A snapshot is not taken before the journal has grown by this many times its size. */
const SNAPSHOT_GROWTH = 4;
/** … nor before so many records for each row that it would hold, so that writing rows stays a small part of the work. */
const SNAPSHOT_RECORDS_PER_ROW = 1 / 3;
/** In modes without waiting for fdatasync, how long what was moved takes to be safe from a power cut. */
const SETTLE_MS = 1000;
/** So much free memory may be kept at any time; more while messages have little, and until the next review. */
export const POOLED_BYTES_MIN: number = 32 << 20;

export interface MaintenanceOptions {
  clock: Clock;
  timers: Timers;
  logger: Logger;
  log: Log;
  blobs: BlobStore;
  durability: Durability;
  memoryBytesMax: number;
  segmentBytes: number;
  snapshotBytes: number;
  /** The newest snapshot, and how much journal there is behind it. */
  manifest: Manifest | undefined;
  replayedBytes: number;
}

/** A trim that waits until the journal is committed up to `barrier`, and that long. */
interface TrimPlan {
  before: number;
  barrier: number;
  notBeforeMs: number;
}

export class Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #store: Store;
  readonly #parts: StoreParts;
  readonly #mover: Mover;
  #manifest: Manifest | undefined;
  /** What was appended when the last snapshot began, and when the journal was looked at last. */
  #snapshotAt: number;
  /** The end of the journal when the last snapshot began. */
  #snapshotFrom: number;
  #reviewedAt = 0;
  /** When it was looked at last. */
  #overdueBytes = 0;
  #chunkFreed = false;
  #spillAgain = false;
  #plan: TrimPlan | undefined;
  #running: Promise<void> | undefined;
  #scheduled = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(options: MaintenanceOptions, store: Store, parts: StoreParts) {
    this.#options = options;
    this.#store = store;
    this.#parts = parts;
    this.#mover = new Mover(store, parts, options);
    this.#manifest = options.manifest;
    this.#snapshotAt = -options.replayedBytes;
    this.#snapshotFrom = options.manifest?.from ?? options.log.start;
    this.#arm();
  }

  /** A volatile chunk is not needed any more. */
  chunkFreed(): void {
    this.#chunkFreed = true;
    this.schedule();
  }

  /** Looks, at the end of this turn, whether something is to be done. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.timers.immediate(() => {
      this.#scheduled = false;
      this.check();
    });
  }

  /** Quick: called once a turn. */
  check(): void {
    const { extents, journal, pool } = this.#parts;
    const { memoryBytesMax, segmentBytes } = this.#options;
    // Where volatile chunks take much, there is less for what is on disk as well.
    const share = EVICT_TOGETHER * memoryBytesMax - this.#parts.chunks.memoryBytes;
    const extentBytesMax = Math.min(memoryBytesMax / 2, Math.max(memoryBytesMax / 8, share));
    extents.evictLoaded(memoryBytesMax / 8);
    extents.evict(extentBytesMax, journal.committed);
    pool.limit(Math.max(POOLED_BYTES_MIN, memoryBytesMax / 2 - this.#store.memoryBytes));
    this.#tellRelief();
    if (this.#running !== undefined || this.#stopped || journal.failure !== undefined) return;
    const grown = journal.appendedBytes - this.#reviewedAt;
    if (this.#spillDue || this.#snapshotDue || grown > segmentBytes / 4) this.#run(false);
  }

  /** Ends what goes on, trims, and writes the last snapshot. Everything must be committed. */
  async close(): Promise<void> {
    this.#stopped = true;
    this.#mover.stop();
    this.#options.timers.clear(this.#timer);
    await this.#running;
    const { journal } = this.#parts;
    if (journal.failure !== undefined || journal.committed < this.#store.position) return;
    try {
      await this.#trim();
      await this.#snapshot(() => false);
      if (this.#manifest?.end !== this.#store.position) return;
      const mark: CleanMark = { sequence: this.#manifest.sequence, end: this.#manifest.end };
      await this.#options.blobs.put(snapshotKey.clean, Buffer.from(JSON.stringify(mark)));
    } catch (error) {
      this.#options.logger.warn({ error }, 'could not write the last snapshot of queues');
    }
  }

  #arm(): void {
    this.#timer = this.#options.timers.after(REVIEW_MS, () => {
      if (this.#parts.journal.failure !== undefined) return;
      this.#arm();
      this.#parts.pool.limit(POOLED_BYTES_MIN);
      if (this.#running === undefined && !this.#stopped) this.#run(true);
    });
    this.#timer.unref();
  }

  get #spillDue(): boolean {
    const { journal } = this.#parts;
    return this.#store.overdueBytes > 0 && !journal.stalled && journal.failure === undefined;
  }

  get #snapshotDue(): boolean {
    const grown = this.#parts.journal.appendedBytes - this.#snapshotAt;
    const { snapshotBytes } = this.#options;
    if (grown <= Math.max(snapshotBytes, SNAPSHOT_GROWTH * (this.#manifest?.bytes ?? 0)))
      return false;
    const records = this.#parts.journal.base - this.#snapshotFrom;
    return records > SNAPSHOT_RECORDS_PER_ROW * this.#parts.rows.count;
  }

  #run(idle: boolean): void {
    this.#running = this.#work(idle)
      .catch((error: unknown) => {
        this.#options.logger.warn({ error }, 'could not tidy up the journal of queues');
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#spillAgain) this.schedule();
        this.#spillAgain = false;
      });
  }

  /** Those who wait for what is uncommitted hear of commits only, but memory is also freed by who consumes. */
  #tellRelief(): void {
    const overdueBytes = this.#store.overdueBytes;
    const relieved = this.#chunkFreed || overdueBytes < this.#overdueBytes;
    this.#chunkFreed = false;
    this.#overdueBytes = overdueBytes;
    if (relieved) this.#parts.journal.notify();
  }

  async #work(idle: boolean): Promise<void> {
    const { chunks, journal } = this.#parts;
    if (this.#spillDue) {
      const bytes = this.#store.memoryBytes - SPILL_TO * this.#options.memoryBytesMax;
      const spilled = await this.#mover.spill(chunks.oldest(bytes));
      // It may not have been enough, or more has come meanwhile.
      if (spilled > 0) this.#spillAgain = true;
    }
    this.#reviewedAt = journal.appendedBytes;
    const empty = idle && this.#empty;
    // Nothing happens: the open extent is trimmed with the others.
    if (empty) journal.endExtent();
    const old = this.#toRelocate();
    if (old.length > 0) await this.#mover.relocate(old);
    if (empty || this.#plan !== undefined || this.#freesSegment(this.#deadEnd)) await this.#trim();
    if (this.#snapshotDue && !this.#stopped) await this.#snapshot(() => this.#stopped);
  }

  /** The extents at the beginning that are worth to be moved, about a segment of them. */
  #toRelocate(): Extent[] {
    const { extents, journal } = this.#parts;
    const { segmentBytes } = this.#options;
    let bytes = 0;
    let liveBytes = 0;
    for (const extent of extents.list) {
      bytes += extent.bytes;
      liveBytes += Math.min(extent.bytes, extent.liveBytes);
    }
    if (bytes < RELOCATE_SEGMENTS_MIN * segmentBytes || liveBytes > RELOCATE_BELOW * bytes)
      return [];
    const chosen: Extent[] = [];
    let chosenBytes = 0;
    for (const extent of extents.list) {
      if (chosenBytes >= segmentBytes || extent.end > journal.committed) break;
      chosen.push(extent);
      chosenBytes += extent.bytes;
    }
    while (chosen.length > 0 && chosen[0]!.liveRows === 0) chosen.shift();
    return chosen;
  }

  /** How far no row needs the journal. */
  get #deadEnd(): number {
    const { extents, journal } = this.#parts;
    let end = 0;
    for (const extent of extents.list) {
      if (extent.liveRows > 0 || extent.end > journal.committed) break;
      end = extent.end;
    }
    return end;
  }

  /** No message is left, and nothing is on its way, but there is a journal. */
  get #empty(): boolean {
    const { extents, journal } = this.#parts;
    if (this.#options.log.sizeBytes < extents.arenaBytes) return false;
    if (journal.base !== this.#store.position || journal.base !== journal.committed) return false;
    return extents.list.every(({ liveRows }) => liveRows === 0);
  }

  #freesSegment(end: number): boolean {
    const { log } = this.#options;
    const first = log.segments()[0];
    if (end <= log.start || first === undefined) return false;
    return first.endOffset <= end && first.bytes > 0;
  }

  /** Trims as planned, once the time has come. */
  async #trim(): Promise<void> {
    const { log, clock } = this.#options;
    const { journal, extents } = this.#parts;
    this.#plan ??= await this.#planTrim();
    const plan = this.#plan;
    if (plan === undefined || journal.stalled) return;
    await journal.whenCommitted(plan.barrier);
    if (clock.monotonicMs() < plan.notBeforeMs) return;
    this.#plan = undefined;
    await log.trim(plan.before);
    extents.trim(plan.before);
    this.#parts.counters.trims++;
  }

  /**
   * What is below the trim is not needed because of something further on: a removal together with what was put instead,
   * a moved message, a newer mark. So the journal is trimmed when everything up to now is safe.
   */
  async #planTrim(): Promise<TrimPlan | undefined> {
    const { log, clock, timers, durability } = this.#options;
    const { extents, marks } = this.#parts;
    const deadEnd = this.#deadEnd;
    if (deadEnd <= log.start) return undefined;
    const before = await endForMarks(marks, extents, timers, deadEnd);
    if (before <= log.start || (before < deadEnd && !this.#freesSegment(before))) return undefined;
    await rewriteMarks(marks, before, timers, (name, value) => this.#store.writeMark(name, value));
    const settleMs = durability === 'fsync' ? 0 : SETTLE_MS;
    return { before, barrier: this.#store.position, notBeforeMs: clock.monotonicMs() + settleMs };
  }

  async #snapshot(stopped: () => boolean): Promise<void> {
    const { journal, counters } = this.#parts;
    const { blobs, timers } = this.#options;
    this.#store.flush();
    journal.endExtent();
    // Also when it fails: then it is tried again after as much.
    this.#snapshotAt = journal.appendedBytes;
    this.#snapshotFrom = journal.base;
    const sequence = (this.#manifest?.sequence ?? 0) + 1;
    const writer = new SnapshotWriter(blobs, timers, this.#parts, sequence);
    const manifest = await writer.write(() => this.#store.position, stopped);
    if (manifest === undefined) return;
    await this.#removeOldParts(manifest);
    this.#manifest = manifest;
    counters.snapshots++;
  }

  /** Parts of the snapshot that was in this slot before, which had more of them. */
  async #removeOldParts({ sequence, parts }: Manifest): Promise<void> {
    const { blobs } = this.#options;
    const prefix = snapshotKey.part(sequence, 0).slice(0, -1);
    for (const key of await blobs.list(prefix)) {
      if (Number(key.slice(prefix.length)) >= parts) await blobs.delete(key);
    }
  }
}
