/**
 * Snapshots of rows, extents and marks, so that a start need not read the whole journal. They are only a shortcut: the
 * journal from its start on always holds everything.
 *
 *   queues/<slot>/<n>        parts of four arenas: f64 sequence │ extents, marks or rows (`snapshot-codec.ts`)
 *   queues/<slot>/manifest   JSON; written last, removed first
 *   queues/clean             JSON; there only after a clean stop: the snapshot and the end of the journal then
 *
 * A snapshot is fuzzy: rows are written page by page while work goes on. What happened to them behind `from`, the
 * position where it began, is applied again by replay, which does no harm. It counts only once the journal is
 * committed up to `end`, where it was finished. Two slots take turns.
 */
import type { Timers } from '../../../lib/environment/clock.ts';
import type { BlobStore } from '../../../log/log.ts';
import { ROW_FLAG, ROW_STATE, type RowPage } from '../rows.ts';
import { RowEncoder, SNAPSHOT_ROW_BYTES_MAX, SnapshotRow, writeText } from './snapshot-codec.ts';
import type { StoreParts } from './store.ts';
import { VARINT_BYTES_MAX, writeVarint } from './varint.ts';

const PREFIX = 'queues';
const PART_ARENAS = 4;
const PART_HEAD_BYTES = 8;
const MARKS_PER_TURN = 8192;
export const SNAPSHOT_VERSION = 1;

export interface Manifest {
  version: number;
  sequence: number;
  /** Replay goes on from here. */
  from: number;
  /** The journal must reach at least this far. */
  end: number;
  /** Counts; extents come first, then marks, then rows. */
  extents: number;
  marks: number;
  rows: number;
  parts: number;
  bytes: number;
}

export interface CleanMark {
  sequence: number;
  end: number;
}

export const snapshotKey = {
  part: (sequence: number, part: number): string => `${PREFIX}/${sequence % 2}/${part}`,
  manifest: (slot: number): string => `${PREFIX}/${slot}/manifest`,
  clean: `${PREFIX}/clean`,
};

export class SnapshotWriter {
  readonly #blobs: BlobStore;
  readonly #timers: Timers;
  readonly #parts: StoreParts;
  readonly #sequence: number;
  readonly #encoder = new RowEncoder();
  readonly #row = new SnapshotRow();
  readonly #buffer: Buffer;
  #at = PART_HEAD_BYTES;
  #partCount = 0;
  #rowCount = 0;
  #bytes = 0;

  constructor(blobs: BlobStore, timers: Timers, parts: StoreParts, sequence: number) {
    this.#blobs = blobs;
    this.#timers = timers;
    this.#parts = parts;
    this.#sequence = sequence;
    this.#buffer = Buffer.allocUnsafeSlow(PART_ARENAS * parts.extents.arenaBytes);
  }

  /**
   * Writes all of it. `position` is where the journal ends now, and at any later time; extents must end there.
   * Undefined if `stopped` said so on the way.
   */
  async write(position: () => number, stopped: () => boolean): Promise<Manifest | undefined> {
    const { extents, journal } = this.#parts;
    const from = position();
    const closed = extents.list.filter(({ end }) => end <= from);
    await this.#blobs.delete(snapshotKey.manifest(this.#sequence % 2));
    let previous = closed[0]?.base ?? from;
    this.#varint(previous);
    for (const extent of closed) {
      await this.#room(2 * VARINT_BYTES_MAX);
      this.#varint(extent.end - previous);
      this.#varint(extent.bytes);
      previous = extent.end;
    }
    const markCount = await this.#writeMarks();
    if (!(await this.#writeRows(stopped))) return undefined;
    await this.#endPart();
    const end = position();
    journal.schedule();
    await journal.whenCommitted(end);
    const manifest: Manifest = {
      version: SNAPSHOT_VERSION,
      sequence: this.#sequence,
      from,
      end,
      extents: closed.length,
      marks: markCount,
      rows: this.#rowCount,
      parts: this.#partCount,
      bytes: this.#bytes,
    };
    const key = snapshotKey.manifest(this.#sequence % 2);
    await this.#blobs.put(key, Buffer.from(JSON.stringify(manifest)));
    return manifest;
  }

  #varint(value: number): void {
    this.#at = writeVarint(this.#buffer, value, this.#at);
  }

  /** Like rows, those that change meanwhile are put right by replay. Returns how many there are. */
  async #writeMarks(): Promise<number> {
    const { marks } = this.#parts;
    // Those that are set meanwhile come last, and need not be in it.
    const most = marks.size;
    let count = 0;
    for (const [name, { value, offset }] of marks) {
      if (count === most) break;
      await this.#room(3 * VARINT_BYTES_MAX + 3 * name.length);
      this.#buffer.writeDoubleBE(value, this.#at);
      this.#at = writeVarint(this.#buffer, offset, this.#at + 8);
      this.#at = writeText(this.#buffer, name, this.#at);
      if (++count % MARKS_PER_TURN === 0) await this.#turn();
    }
    return count;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#timers.immediate(resolve));
  }

  async #writeRows(stopped: () => boolean): Promise<boolean> {
    const { rows } = this.#parts;
    for (let number = 0; number < rows.pages.length; number++) {
      const page = rows.pages[number];
      if (page === undefined || page.used === 0) continue;
      let index = 0;
      while (index < page.state.length) {
        index = this.#writePage(page, index, number * page.state.length);
        if (index < page.state.length) await this.#endPart();
      }
      await this.#turn();
      if (stopped()) return false;
    }
    return true;
  }

  /** Writes rows from `from` on as long as there is room. Returns where it stopped. */
  #writePage(page: RowPage, from: number, firstRow: number): number {
    const { due, groups } = this.#parts;
    const row = this.#row;
    for (let index = from; index < page.state.length; index++) {
      if (page.state[index] === ROW_STATE.free || !(page.offset[index]! >= 0)) continue;
      if ((page.flags[index]! & ROW_FLAG.persistent) === 0) continue;
      row.groupId = groups.count > 0 ? groups.get(firstRow + index) : undefined;
      const bytes = SNAPSHOT_ROW_BYTES_MAX + 3 * (row.groupId?.length ?? 0);
      if (this.#at + bytes > this.#buffer.length) return index;
      row.queue = page.queue[index]!;
      row.seq = page.seq[index]!;
      row.offset = page.offset[index]!;
      row.position = page.position[index]!;
      row.bytes = page.bytes[index]!;
      row.bodyBytes = page.bodyBytes[index]!;
      row.enqueuedMs = page.enqueuedMs[index]!;
      row.priority = page.priority[index]!;
      row.flags = page.flags[index]!;
      row.attempts = page.attempts[index]!;
      row.expiresMs = page.expiresMs[index]!;
      row.dueMs = due.count > 0 ? due.get(firstRow + index) : 0;
      this.#at = this.#encoder.write(row, this.#buffer, this.#at);
      this.#rowCount++;
    }
    return page.state.length;
  }

  async #room(bytes: number): Promise<void> {
    if (this.#at + bytes > this.#buffer.length) await this.#endPart();
  }

  async #endPart(): Promise<void> {
    if (this.#at === PART_HEAD_BYTES) return;
    this.#buffer.writeDoubleBE(this.#sequence, 0);
    const part = this.#buffer.subarray(0, this.#at);
    await this.#blobs.put(snapshotKey.part(this.#sequence, this.#partCount), part);
    this.#bytes += part.length;
    this.#partCount++;
    this.#at = PART_HEAD_BYTES;
  }
}
