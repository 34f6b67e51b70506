/**
 * Moves messages to the end of the journal: out of old extents, so that these can be trimmed, and out of memory that
 * is short. Rows keep their numbers; only where their message is changes.
 *
 *   scan the row table (page by page) ─► rows by source ─► load the source ─► one ROWS entry per message
 *
 * All of it goes in slices of about a millisecond, between which everything else goes on: a row may be removed, and
 * its number used again, at any of these points, so each is looked at again before its message is moved.
 */
import type { Clock, Timers } from '../../../lib/environment/clock.ts';
import { ROW_STATE, type RowTable } from '../rows.ts';
import type { Extent } from './extents.ts';
import {
  ENTRY_FLAG,
  ENTRY_HEAD_BYTES,
  ENTRY_KIND,
  ENTRY_ROWS_MAX,
  ROW_BYTES,
  writeUint16,
  writeUint32,
  writeUint48,
} from './journal-entry.ts';
import { RowList } from './row-list.ts';
import { type Store, type StoreParts, writeGroup } from './store.ts';
import { CHUNK_MESSAGES, type VolatileChunk } from './volatile-chunks.ts';

const SLICE_MS = 1;
/** The clock is looked at after so many messages, or pages. */
const MESSAGES_PER_LOOK = 32;
/** Nothing is moved while so much waits to be committed. */
const UNCOMMITTED_BYTES_MAX = 4 << 20;

/** Something that rows are moved out of: messages `[first, first + count)`, counted up or down. */
interface Source {
  rows: RowList;
  /** The number of a message in this source. */
  indexOf(offset: number): number;
  count: number;
  /** Has the memory of the messages; false if they are gone. */
  ready(): Promise<boolean>;
}

export class Mover {
  readonly #store: Store;
  readonly #parts: StoreParts;
  readonly #environment: { clock: Clock; timers: Timers };
  #stopped = false;
  readonly #message: number[] = [];

  constructor(store: Store, parts: StoreParts, environment: { clock: Clock; timers: Timers }) {
    this.#store = store;
    this.#parts = parts;
    this.#environment = environment;
  }

  /** Ends what goes on at the end of its slice. */
  stop(): void {
    this.#stopped = true;
  }

  /** Moves everything alive out of these closed and committed extents, which follow each other. */
  async relocate(extents: readonly Extent[]): Promise<void> {
    const sources = extents.map((extent) => this.#extentSource(extent));
    const start = extents[0]!.base;
    const end = extents[extents.length - 1]!.end;
    let last = 0;
    await this.#collect((offset) => {
      if (offset < start || offset >= end) return undefined;
      let extent = extents[last]!;
      while (offset >= extent.end) extent = extents[++last]!;
      while (offset < extent.base) extent = extents[--last]!;
      return sources[last]!.rows;
    });
    for (const source of sources) {
      this.#parts.counters.relocatedRows += await this.#moveAll(source);
    }
  }

  /** Moves everything alive out of these chunks. Returns how many rows. */
  async spill(chunks: readonly VolatileChunk[]): Promise<number> {
    const sources = new Map(chunks.map((chunk) => [chunk.slot, this.#chunkSource(chunk)]));
    await this.#collect((offset) => {
      if (offset >= 0) return undefined;
      return sources.get(Math.trunc((-1 - offset) / CHUNK_MESSAGES))?.rows;
    });
    let spilled = 0;
    for (const source of sources.values()) spilled += await this.#moveAll(source);
    this.#parts.counters.spilledRows += spilled;
    return spilled;
  }

  #extentSource(extent: Extent): Source {
    const { loader } = this.#parts;
    return {
      rows: new RowList(),
      indexOf: (offset) => offset - extent.base,
      count: extent.end - extent.base,
      ready: async () => {
        if (extent.liveRows > 0 && extent.buffer === undefined) await loader.load(extent);
        return extent.liveRows > 0;
      },
    };
  }

  #chunkSource(chunk: VolatileChunk): Source {
    const first = chunk.slot * CHUNK_MESSAGES;
    return {
      rows: new RowList(),
      indexOf: (offset) => -1 - offset - first,
      count: chunk.messages,
      ready: async () => this.#parts.chunks.has(chunk),
    };
  }

  async #collect(listOf: (offset: number) => RowList | undefined): Promise<void> {
    const { rows } = this.#parts;
    let sliceEndMs = this.#environment.clock.monotonicMs() + SLICE_MS;
    for (let number = 0; number < rows.pages.length && !this.#stopped; number++) {
      collectPage(rows, number, listOf);
      if (this.#environment.clock.monotonicMs() < sliceEndMs) continue;
      await this.#pause();
      sliceEndMs = this.#environment.clock.monotonicMs() + SLICE_MS;
    }
  }

  /** Returns how many rows were moved. */
  async #moveAll(source: Source): Promise<number> {
    const { first, next } = linkByMessage(source, this.#parts.rows);
    let moved = 0;
    let index = 0;
    while (index < source.count && !this.#stopped && (await this.#mayMove(source))) {
      const { clock } = this.#environment;
      const sliceEndMs = clock.monotonicMs() + SLICE_MS;
      while (index < source.count) {
        if (first[index] !== -1) moved += this.#moveMessage(source, index, first[index]!, next);
        index++;
        if (index % MESSAGES_PER_LOOK === 0 && clock.monotonicMs() >= sliceEndMs) break;
      }
      await this.#pause();
    }
    return moved;
  }

  async #mayMove(source: Source): Promise<boolean> {
    const { journal } = this.#parts;
    if (journal.stalled || journal.failure !== undefined) return false;
    if (journal.uncommittedBytes > UNCOMMITTED_BYTES_MAX) {
      await journal.whenCommitted(this.#store.position);
    }
    return source.ready();
  }

  /** Moves message `index` with those of its rows that are still alive. Returns how many. */
  #moveMessage(source: Source, index: number, head: number, next: Int32Array): number {
    const { rows } = this.#parts;
    const alive = this.#message;
    alive.length = 0;
    let moved = 0;
    for (let at = head; at !== -1; at = next[at]!) {
      const row = source.rows.get(at);
      if (isAlive(rows, row) && source.indexOf(offsetOf(rows, row)) === index) alive.push(row);
      if (alive.length < ENTRY_ROWS_MAX) continue;
      this.#write(alive);
      moved += alive.length;
      alive.length = 0;
    }
    if (alive.length > 0) this.#write(alive);
    return moved + alive.length;
  }

  #write(rows: readonly number[]): void {
    const { journal, groups } = this.#parts;
    const table = this.#parts.rows;
    const store = this.#store;
    const first = rows[0]!;
    if (!store.locate(first)) {
      // Its range is damaged, or its memory was taken meanwhile; the latter is moved another time.
      for (const row of rows) void store.load(row).catch(() => undefined);
      return;
    }
    const { buffer: from, start, end: messageEnd } = store.view;
    const bytes = messageEnd - start;
    const groupId = groups.get(first);
    const groupBytes = groupId === undefined ? 0 : 2 + Buffer.byteLength(groupId, 'utf8');
    const entryBytes = ENTRY_HEAD_BYTES + rows.length * ROW_BYTES + 8 + groupBytes + bytes;
    if (journal.isFull(entryBytes)) store.flush();
    const at = journal.reserve(entryBytes);
    const { buffer, batchStart } = journal;
    writeUint32(buffer, entryBytes - 4, at);
    buffer[at + 4] = ENTRY_KIND.rows;
    buffer[at + 5] = groupId === undefined ? 0 : ENTRY_FLAG.grouped;
    writeUint16(buffer, rows.length, at + 6);
    let end = at + ENTRY_HEAD_BYTES;
    for (const row of rows) end = this.#writeRow(row, buffer, end);
    buffer.writeDoubleBE(table.page(first).enqueuedMs[table.index(first)]!, end);
    end += 8;
    if (groupId !== undefined) end = writeGroup(buffer, groupId, end);
    const position = end - batchStart;
    from.copy(buffer, end, start, messageEnd);
    const offset = journal.finish(end + bytes);
    journal.hasMessages = true;
    for (const row of rows) this.#place(row, offset, position);
  }

  #writeRow(row: number, buffer: Buffer, at: number): number {
    const page = this.#parts.rows.page(row);
    const index = this.#parts.rows.index(row);
    writeUint32(buffer, page.queue[index]!, at);
    writeUint48(buffer, page.seq[index]!, at + 4);
    buffer[at + 10] = page.priority[index]!;
    buffer[at + 11] = page.flags[index]!;
    writeUint16(buffer, page.attempts[index]!, at + 12);
    buffer.writeDoubleBE(page.expiresMs[index]!, at + 14);
    buffer.writeDoubleBE(this.#parts.due.get(row), at + 22);
    return at + ROW_BYTES;
  }

  #place(row: number, offset: number, position: number): void {
    const { journal, extents, chunks } = this.#parts;
    const page = this.#parts.rows.page(row);
    const index = this.#parts.rows.index(row);
    const before = page.offset[index]!;
    const bytes = page.bytes[index]!;
    if (before >= 0) extents.removeLive(before, bytes, journal.committed);
    else chunks.remove(before);
    page.offset[index] = offset;
    page.position[index] = position;
    extents.addLive(journal.extent, 1, bytes);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#environment.timers.immediate(resolve));
  }
}

function collectPage(
  rows: RowTable,
  number: number,
  listOf: (offset: number) => RowList | undefined,
): void {
  const page = rows.pages[number];
  if (page === undefined || page.used === 0) return;
  const first = number * page.offset.length;
  for (let index = 0; index < page.offset.length; index++) {
    if (page.state[index] === ROW_STATE.free) continue;
    listOf(page.offset[index]!)?.push(first + index);
  }
}

/** Lists by message: `first[message]` is a place in the row list, `next[place]` the next one of the same message. */
function linkByMessage(source: Source, rows: RowTable): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(source.count).fill(-1);
  const next = new Int32Array(source.rows.length);
  for (let at = 0; at < source.rows.length; at++) {
    const index = source.indexOf(offsetOf(rows, source.rows.get(at)));
    // Otherwise the row has changed hands since it was collected.
    if (!(index >= 0 && index < source.count)) continue;
    next[at] = first[index]!;
    first[index] = at;
  }
  return { first, next };
}

function offsetOf(rows: RowTable, row: number): number {
  return isAlive(rows, row) ? rows.page(row).offset[rows.index(row)]! : Number.NaN;
}

function isAlive(rows: RowTable, row: number): boolean {
  const page = rows.pages[row >> 14];
  return page !== undefined && page.state[rows.index(row)] !== ROW_STATE.free;
}
