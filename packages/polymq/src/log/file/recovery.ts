/**
 * Opening the files of one log.
 *
 * Closed cleanly: the checkpoint lists the segments, one look at the size of the last one confirms it.
 *
 * Else, in one pass from the point up to which the checkpoint knows everything to be durable:
 *   1. What the commit log holds for this log is written to its place (it is the same bytes, if
 *      they are there already).
 *   2. Batches are walked, each is checked, up to the first bytes that are none.
 *        nothing whole behind it, nothing known behind it  → torn tail: cut
 *        a whole batch behind it, or known to be durable   → damage: quarantined, never cut
 *      After a power cut (another boot than the checkpoint's) what lies behind the known point was not
 *      synced as far as anybody was told, and may have holes: there, too, the first hole is the end, and
 *      what is cut is kept aside.
 */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../lib/environment/disk.ts';
import { batchBytes, batchNextOffset } from '../batch.ts';
import { type ScanEnd, scanBatches } from './batch-scan.ts';
import type { KnownLog, KnownSegment } from './checkpoint.ts';
import type { CommitEntry } from './commit-frame.ts';
import { type DamagedRange, DamageList } from './damage.ts';
import type { FilePool } from './file-pool.ts';
import type { FolderSync } from './folder-sync.ts';
import { createMarker, type LogMarker, parseMarkerFileName } from './log-marker.ts';
import { parseSegmentFileName, segmentFileName } from './names.ts';
import { findNextBatch } from './next-batch.ts';
import type { Quarantine } from './quarantine.ts';
import { Segment } from './segment.ts';

export interface RecoveryContext {
  readonly disk: Disk;
  readonly pool: FilePool;
  readonly folders: FolderSync;
  readonly quarantine: Quarantine;
  newId(): string;
  onDamage(): void;
}

export interface RecoveryTask {
  name: string;
  directory: string;
  /** The folder that holds the logs. */
  parent: string;
  known: KnownLog | undefined;
  /** Nothing happened since `known` was written. */
  clean: boolean;
  /** The machine was restarted since. */
  rebooted: boolean;
  entries: readonly CommitEntry[];
}

export interface RecoveredLog {
  marker: LogMarker;
  segments: Segment[];
  damage: DamageList;
}

export async function recoverLog(
  context: RecoveryContext,
  task: RecoveryTask,
): Promise<RecoveredLog> {
  return new LogRecovery(context, task).run();
}

class LogRecovery {
  readonly #context: RecoveryContext;
  readonly #task: RecoveryTask;
  readonly #damage = new DamageList();
  #marker: LogMarker = { id: '', start: 0 };

  constructor(context: RecoveryContext, task: RecoveryTask) {
    this.#context = context;
    this.#task = task;
  }

  async run(): Promise<RecoveredLog> {
    const clean = await this.#openClean();
    if (clean !== undefined) return this.#result(clean);
    const { disk } = this.#context;
    const names = (await disk.list(this.#task.directory)).map(({ name }) => name);
    const marker = names.map(parseMarkerFileName).find((found) => found !== undefined);
    if (marker === undefined) {
      await this.#create();
      return this.#result([this.#newSegment(0)]);
    }
    this.#marker = marker;
    // The process before may have died between making a name and syncing its folder.
    await this.#syncFolders();
    await this.#loadDamage();
    const known = this.#task.known?.id === marker.id ? this.#task.known : undefined;
    const replayed = await this.#replay(known);
    const bases = new Set(names.map(parseSegmentFileName).filter((base) => base !== undefined));
    for (const base of replayed) bases.add(base);
    const kept = await this.#withoutTrimmed([...bases].sort((a, b) => a - b));
    const segments = await this.#recoverSegments(kept, known);
    await this.#dropTrimmed(segments);
    return this.#result(segments);
  }

  #result(segments: Segment[]): RecoveredLog {
    for (const segment of segments.slice(0, -1)) segment.closed = true;
    return { marker: this.#marker, segments, damage: this.#damage };
  }

  /** The segments as listed, if the log was closed cleanly and the last file still has its size. */
  async #openClean(): Promise<Segment[] | undefined> {
    const { known, clean } = this.#task;
    if (!clean || known === undefined || known.partial) return undefined;
    const segments = known.segments.map((entry) => this.#knownSegment(entry));
    const last = segments[segments.length - 1];
    if (last === undefined) return undefined;
    const size = (await this.#context.disk.size(last.file.path)) ?? 0;
    if (size < last.bytes) return undefined;
    if (size > last.bytes) await last.file.use((file) => file.truncate(last.bytes));
    this.#marker = { id: known.id, start: known.start };
    await this.#loadDamage();
    return segments;
  }

  async #create(): Promise<void> {
    const { disk } = this.#context;
    const { directory } = this.#task;
    this.#marker = { id: this.#context.newId(), start: 0 };
    await disk.makeDirectory(directory);
    await createMarker(disk, directory, this.#marker);
    await this.#syncFolders();
  }

  /** Makes all names durable: files in the log's folder, and the folders above up to the common one. */
  async #syncFolders(): Promise<void> {
    const { directory, parent } = this.#task;
    for (let at = directory; at.length >= parent.length; at = join(at, '..')) {
      await this.#context.folders.sync(at);
    }
  }

  async #loadDamage(): Promise<void> {
    const { name } = this.#task;
    for (const range of await this.#context.quarantine.rangesOf(name, this.#marker.id)) {
      this.#damage.add(range);
    }
    this.#damage.trim(this.#marker.start);
  }

  /** Writes what the commit log holds to its place. Returns the bases of the segments touched. */
  async #replay(known: KnownLog | undefined): Promise<number[]> {
    const syncedBytes = new Map(known?.segments.map(([base, , bytes]) => [base, bytes]));
    const bySegment = new Map<number, CommitEntry[]>();
    for (const entry of this.#task.entries) {
      if (entry.logId !== this.#marker.id) continue;
      const end = entry.position + entry.batches.length;
      if (end <= (syncedBytes.get(entry.segmentBase) ?? 0)) continue;
      const entries = bySegment.get(entry.segmentBase) ?? [];
      entries.push(entry);
      bySegment.set(entry.segmentBase, entries);
    }
    for (const [base, entries] of bySegment) {
      // All of it is trimmed: its file may be gone already. A part that is trimmed is written, though,
      // or there would be a hole before the rest.
      if (entries.every(({ batches }) => lastNextOffset(batches) <= this.#marker.start)) {
        bySegment.delete(base);
        continue;
      }
      const segment = this.#newSegment(base);
      await segment.file.use(async (file) => {
        for (const { batches, position } of entries) await file.write([batches], position);
        await file.datasync();
      });
      await segment.file.close();
    }
    if (bySegment.size > 0) await this.#context.folders.sync(this.#task.directory);
    return [...bySegment.keys()];
  }

  /** Removes segments that another one at or below the start follows: nobody may read them. */
  async #withoutTrimmed(bases: number[]): Promise<number[]> {
    const kept: number[] = [];
    for (const [index, base] of bases.entries()) {
      if ((bases[index + 1] ?? Number.POSITIVE_INFINITY) > this.#marker.start) kept.push(base);
      else await this.#context.disk.remove(join(this.#task.directory, segmentFileName(base)));
    }
    return kept;
  }

  async #recoverSegments(bases: number[], known: KnownLog | undefined): Promise<Segment[]> {
    const knownByBase = new Map(known?.segments.map((entry) => [entry[0], entry]));
    const point = known?.segments[known.segments.length - 1];
    const segments: Segment[] = [];
    for (const [index, base] of bases.entries()) {
      const nextBase = bases[index + 1];
      const entry = knownByBase.get(base);
      const previous = segments[segments.length - 1];
      const expected = previous?.endOffset ?? this.#marker.start;
      if (expected < base) {
        if (this.#task.rebooted && expected >= (point?.[1] ?? 0)) {
          await this.#keepAside(bases.slice(index));
          break;
        }
        if (previous !== undefined) await this.#addDamage(previous, expected, base);
      }
      if (entry !== undefined && entry !== point) {
        segments.push(this.#knownSegment(entry));
        continue;
      }
      const segment = this.#newSegment(base);
      segments.push(segment);
      const cut = await this.#scan(segment, entry, nextBase);
      if (cut && nextBase !== undefined) {
        await this.#keepAside(bases.slice(index + 1));
        break;
      }
    }
    await this.#addKnownEnd(segments, point);
    const first = segments[0]!;
    if (first.baseOffset > this.#marker.start) {
      await this.#addDamage(first, this.#marker.start, first.baseOffset);
    }
    return segments;
  }

  /** What was known to be durable and is not there is damage, also at the tail. */
  async #addKnownEnd(segments: Segment[], point: KnownSegment | undefined): Promise<void> {
    const end = point?.[1] ?? 0;
    const last = segments[segments.length - 1];
    if (last === undefined) {
      segments.push(this.#newSegment(Math.max(this.#marker.start, end)));
      return;
    }
    if (last.endOffset >= end) return;
    await this.#addDamage(last, last.endOffset, end);
    last.skipTo(last.bytes, end);
    last.setAllSynced();
    segments.push(this.#newSegment(end));
  }

  /** Walks one segment. Returns true if its tail was cut although segments follow. */
  async #scan(
    segment: Segment,
    entry: KnownSegment | undefined,
    nextBase: number | undefined,
  ): Promise<boolean> {
    return segment.file.use(async (file) => {
      const size = await file.size();
      const floor = entry?.[1] ?? segment.baseOffset;
      if (entry !== undefined && size >= entry[2]) {
        segment.skipTo(entry[2], entry[1]);
        segment.index.from = entry[2];
        segment.maxTimestampMs = entry[3];
      }
      const scanned = segment.bytes;
      const cut = await this.#scanFrom(segment, file, { size, floor, nextBase });
      await file.datasync();
      segment.setAllSynced();
      if (this.#damage.count === 0) segment.verified.add(scanned, segment.bytes);
      return cut;
    });
  }

  async #scanFrom(
    segment: Segment,
    file: DiskFile,
    bounds: { size: number; floor: number; nextBase: number | undefined },
  ): Promise<boolean> {
    const { size, floor, nextBase } = bounds;
    for (;;) {
      const from = this.#skipKnownDamage(segment);
      const until = this.#damage.from(segment.baseOffset, from.position)?.position ?? size;
      const bad = await scanBatches(file, from, Math.min(until, size), (buffer, at) => {
        segment.place(buffer, at, batchBytes(buffer, at));
      });
      if (bad.position >= until && until < size) continue;
      if (bad.position >= size) return false;
      if (bad.offset === nextBase) {
        // The segment is complete: what follows is room that was made ahead of the writes.
        await file.truncate(bad.position);
        return false;
      }
      const next = await findNextBatch(file, {
        position: bad.position + 1,
        endPosition: size,
        offset: bad.offset,
        endOffset: nextBase ?? Number.MAX_SAFE_INTEGER,
      });
      const mayCut = this.#task.rebooted && bad.offset >= floor;
      if (next !== undefined && !mayCut) {
        await this.#record(segment, file, bad, next);
        segment.skipTo(next.position, next.offset);
        continue;
      }
      const end = Math.max(floor, mayCut ? 0 : (nextBase ?? 0));
      if (end > bad.offset) {
        await this.#record(segment, file, bad, { position: size, offset: end });
        segment.skipTo(size, end);
        return false;
      }
      if (next !== undefined) await this.#copyAside(segment, file, bad, size);
      await file.truncate(bad.position);
      return true;
    }
  }

  #skipKnownDamage(segment: Segment): ScanEnd {
    for (;;) {
      const range = this.#damage.from(segment.baseOffset, segment.bytes);
      if (range === undefined || range.position > segment.bytes) break;
      segment.skipTo(range.endPosition, range.end);
    }
    return { position: segment.bytes, offset: segment.endOffset };
  }

  async #record(segment: Segment, file: DiskFile, from: ScanEnd, to: ScanEnd): Promise<void> {
    const range: DamagedRange = {
      start: from.offset,
      end: to.offset,
      segmentBase: segment.baseOffset,
      position: from.position,
      endPosition: to.position,
    };
    await this.#context.quarantine.record(this.#task.name, this.#marker.id, range, file);
    this.#damage.add(range);
    this.#context.onDamage();
  }

  /** Offsets that are missing altogether: a range without bytes. */
  async #addDamage(segment: Segment, start: number, end: number): Promise<void> {
    if (this.#damage.find(start) !== undefined || end <= this.#marker.start) return;
    await segment.file.use((file) =>
      this.#record(
        segment,
        file,
        { position: segment.bytes, offset: start },
        { position: segment.bytes, offset: end },
      ),
    );
  }

  /** Keeps a copy of bytes that are cut. They are not a damaged range: nobody was told of them. */
  async #copyAside(segment: Segment, file: DiskFile, from: ScanEnd, size: number): Promise<void> {
    const { quarantine } = this.#context;
    await quarantine.record(
      this.#task.name,
      'cut',
      {
        start: from.offset,
        end: from.offset,
        segmentBase: segment.baseOffset,
        position: from.position,
        endPosition: size,
      },
      file,
    );
  }

  async #keepAside(bases: readonly number[]): Promise<void> {
    for (const base of bases) {
      const segment = this.#newSegment(base);
      await segment.file.use(async (file) => {
        await this.#copyAside(segment, file, { position: 0, offset: base }, await file.size());
      });
      await segment.file.close();
      await this.#context.disk.remove(segment.file.path);
    }
  }

  /** Removes segments below the start; their removal may not have been durable. */
  async #dropTrimmed(segments: Segment[]): Promise<void> {
    const { start } = this.#marker;
    const last = segments[segments.length - 1]!;
    if (last.endOffset < start) segments.push(this.#newSegment(start));
    while (segments.length > 1 && segments[0]!.endOffset <= start) {
      const { file } = segments.shift()!;
      await file.close();
      await this.#context.disk.remove(file.path);
    }
  }

  #newSegment(base: number): Segment {
    const path = join(this.#task.directory, segmentFileName(base));
    return new Segment(base, this.#context.pool.file(path));
  }

  #knownSegment([base, end, bytes, maxTimestampMs]: KnownSegment): Segment {
    const segment = this.#newSegment(base);
    segment.skipTo(bytes, end);
    segment.maxTimestampMs = maxTimestampMs;
    segment.index.from = bytes;
    segment.setAllSynced();
    return segment;
  }
}

/** The offset after the last record of batches that stand one after another. */
function lastNextOffset(batches: Buffer): number {
  let next = 0;
  for (let at = 0; at < batches.length; at += batchBytes(batches, at)) {
    next = batchNextOffset(batches, at);
  }
  return next;
}
