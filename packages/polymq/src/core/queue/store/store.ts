/**
 * The messages of all queues, in memory and in one journal. The hot path is here: a message is copied once, into the
 * open batch of the journal or into a volatile chunk, and its rows say where it is.
 *
 *   row.offset >= 0   record of the journal; `position` counts from the beginning of its batch
 *   row.offset < 0    volatile chunk (`volatile-chunks.ts`); `position` counts from the beginning of its memory
 *
 * What goes on in the background (spilling, relocating, snapshots, trimming) is in `maintenance.ts`.
 */
import { type ArenaPool, release, retain } from '../../../lib/arena.ts';
import { MessageView } from '../../message/message-bytes.ts';
import {
  encodedHistory,
  type MessageDraft,
  messageBytes,
  writeMessage,
} from '../../message/message-draft.ts';
import type { MessageHold, MessageStore } from '../message-store.ts';
import { ROW_FLAG, type RowTable } from '../rows.ts';
import type { Extents } from './extents.ts';
import type { GroupIds } from './group-ids.ts';
import type { Journal } from './journal.ts';
import {
  ENTRY_FLAG,
  ENTRY_HEAD_BYTES,
  ENTRY_KIND,
  ENTRY_ROWS_MAX,
  MARK_HEAD_BYTES,
  TARGET_BYTES,
  TIMED_BYTES,
  UPDATED_BYTES,
  writeUint16,
  writeUint32,
  writeUint48,
} from './journal-entry.ts';
import type { Loader } from './loader.ts';
import type { Removals } from './removals.ts';
import type { Mark } from './restoring.ts';
import type { SparseColumn } from './sparse-column.ts';
import type { StoreCounters } from './store-counters.ts';
import type { VolatileChunks } from './volatile-chunks.ts';

/** The offset of a row whose message was removed. */
export const GONE: number = Number.NEGATIVE_INFINITY;

/** From this part of the memory on, messages that are in memory only are moved to the journal … */
const SPILL_ABOVE = 0.5;
/** … if they have more than this part. */
const SPILL_VOLATILE_ABOVE = 0.25;

/** Most messages with their marks have less, and find room where a batch goes on. */
const TOGETHER_BYTES = 64 << 10;

/** What the store is made of. */
export interface StoreParts {
  memoryBytesMax: number;
  rows: RowTable;
  journal: Journal;
  removals: Removals;
  extents: Extents;
  chunks: VolatileChunks;
  /** Where their memory comes from. */
  pool: ArenaPool;
  loader: Loader;
  /** Due times of rows that have one. */
  due: SparseColumn;
  groups: GroupIds;
  marks: Map<string, Mark>;
  counters: StoreCounters;
}

export class Store implements MessageStore {
  readonly rows: RowTable;
  readonly view: MessageView = new MessageView();
  /** Called with a row whose message cannot be read any more: remove and free it. */
  onLost: ((row: number) => void) | undefined;
  readonly #memoryBytesMax: number;
  readonly #journal: Journal;
  readonly #removals: Removals;
  readonly #extents: Extents;
  readonly #chunks: VolatileChunks;
  readonly #loader: Loader;
  readonly #due: SparseColumn;
  readonly #groups: GroupIds;
  readonly #marks: Map<string, Mark>;
  /** Set since the batch was begun: a cursor that moves a thousand times in a turn is one entry. */
  readonly #unwrittenMarks = new Set<string>();
  readonly #counters: StoreCounters;
  /** The open batch must not end before so many messages. */
  #together = 0;

  constructor(parts: StoreParts) {
    this.rows = parts.rows;
    this.#memoryBytesMax = parts.memoryBytesMax;
    this.#journal = parts.journal;
    this.#removals = parts.removals;
    this.#extents = parts.extents;
    this.#chunks = parts.chunks;
    this.#loader = parts.loader;
    this.#due = parts.due;
    this.#groups = parts.groups;
    this.#marks = parts.marks;
    this.#counters = parts.counters;
  }

  get counters(): Readonly<StoreCounters> {
    this.#counters.journaledBytes = this.#journal.appendedBytes;
    this.#counters.evictedExtents = this.#extents.evictedCount;
    this.#counters.loads = this.#loader.loadCount;
    return this.#counters;
  }

  get position(): number {
    const { base, entries } = this.#journal;
    return base + entries + this.#removals.entryCount + this.#unwrittenMarks.size;
  }

  get committed(): number {
    return this.#journal.committed;
  }

  get memoryBytes(): number {
    return this.#extents.memoryBytes + this.#chunks.memoryBytes;
  }

  /**
   * How much should have left memory, and has to go through the journal to do so. It counts as uncommitted, so that
   * those who put more wait for it.
   */
  get overdueBytes(): number {
    const max = this.#memoryBytesMax;
    if (this.#chunks.memoryBytes <= SPILL_VOLATILE_ABOVE * max) return 0;
    return Math.max(0, this.memoryBytes - SPILL_ABOVE * max);
  }

  get uncommittedBytes(): number {
    return this.#journal.uncommittedBytes + this.overdueBytes;
  }

  onCommitted(listener: () => void): () => void {
    return this.#journal.onCommitted(listener);
  }

  whenCommitted(position: number): Promise<void> {
    return this.#journal.whenCommitted(position);
  }

  put(draft: MessageDraft, rows: ArrayLike<number>, count: number): void {
    const table = this.rows;
    let persistent = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      persistent += table.page(row).flags[table.index(row)]! & ROW_FLAG.persistent;
    }
    const history = draft.history === undefined ? undefined : encodedHistory(draft);
    const bytes = messageBytes(draft, history);
    if (persistent === 0) {
      this.#putVolatile(draft, history, bytes, rows, count);
      return;
    }
    // Before the message, not behind it: what its publisher sets down about it goes into the same batch.
    if (this.#together > 0) this.#together -= 1;
    else if (this.#journal.isFull(bytes)) this.flush();
    const plain = draft.ttlMs < 0 && !(draft.dueMs > 0) && draft.groupId === undefined;
    if (count === 1 && plain) this.#putPlain(draft, history, bytes, rows[0]!);
    else if (count <= ENTRY_ROWS_MAX) {
      this.#putJournaled(draft, history, bytes, rows, count, persistent);
    } else this.#putParts(draft, rows, count);
  }

  remove(row: number): void {
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    const offset = page.offset[index]!;
    if (offset >= 0) {
      if ((page.flags[index]! & ROW_FLAG.persistent) !== 0) {
        this.#journal.schedule();
        this.#removals.add(page.queue[index]!, page.seq[index]!);
      }
      this.#extents.removeLive(offset, page.bytes[index]!, this.#journal.committed);
    } else if (offset !== GONE) this.#chunks.remove(offset);
    page.offset[index] = GONE;
    if (this.#due.count > 0) this.#due.set(row, 0);
    if (this.#groups.count > 0) this.#groups.set(row, undefined);
  }

  update(row: number, dueMs: number): void {
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    if (dueMs !== 0 || this.#due.count > 0) this.#due.set(row, dueMs);
    if ((page.flags[index]! & ROW_FLAG.persistent) === 0 || page.offset[index]! < 0) return;
    if (this.#together === 0 && this.#journal.isFull(UPDATED_BYTES)) this.flush();
    const at = this.#journal.reserveIdly(UPDATED_BYTES);
    const { buffer } = this.#journal;
    writeUint32(buffer, UPDATED_BYTES - 4, at);
    buffer[at + 4] = ENTRY_KIND.updated;
    buffer[at + 5] = page.flags[index]!;
    writeUint32(buffer, page.queue[index]!, at + 6);
    writeUint48(buffer, page.seq[index]!, at + 10);
    writeUint16(buffer, page.attempts[index]!, at + 16);
    buffer.writeDoubleBE(dueMs, at + 18);
    this.#journal.finish(at + UPDATED_BYTES);
  }

  mark(name: string): number | undefined {
    return this.#marks.get(name)?.value;
  }

  setMark(name: string, value: number | undefined): void {
    const mark = this.#marks.get(name);
    if (value === undefined) this.#marks.delete(name);
    else if (mark !== undefined) mark.value = value;
    else this.#marks.set(name, { value, offset: this.#journal.base });
    this.#unwrittenMarks.add(name);
    this.#journal.schedule();
  }

  together(putCount = 1): void {
    if (this.#journal.isFull(TOGETHER_BYTES)) this.flush();
    this.#together = putCount;
  }

  forgetMark(name: string): void {
    this.#marks.delete(name);
  }

  marks(prefix: string): [name: string, value: number][] {
    const found: [string, number][] = [];
    for (const [name, { value }] of this.#marks) {
      if (name.startsWith(prefix)) found.push([name, value]);
    }
    return found;
  }

  /** Writes what a turn has put down beside its messages. */
  endTurn(): void {
    this.#together = 0;
    for (const name of this.#unwrittenMarks) {
      const mark = this.#marks.get(name);
      const offset = this.writeMark(name, mark?.value);
      if (mark !== undefined) mark.offset = offset;
    }
    this.#unwrittenMarks.clear();
    this.#removals.flush();
  }

  /** Writes the mark into the journal. Returns the offset of the entry. */
  writeMark(name: string, value: number | undefined): number {
    const nameBytes = Buffer.byteLength(name, 'utf8');
    const bytes = MARK_HEAD_BYTES + nameBytes;
    const at = this.#journal.reserve(bytes);
    const { buffer } = this.#journal;
    writeUint32(buffer, bytes - 4, at);
    buffer[at + 4] = ENTRY_KIND.mark;
    buffer[at + 5] = value === undefined ? ENTRY_FLAG.forget : 0;
    buffer.writeDoubleBE(value ?? 0, at + 6);
    buffer.write(name, at + MARK_HEAD_BYTES, nameBytes, 'utf8');
    return this.#journal.finish(at + bytes);
  }

  positionOf(row: number): number {
    return Math.max(0, this.rows.page(row).offset[this.rows.index(row)]! + 1);
  }

  locate(row: number): boolean {
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    const offset = page.offset[index]!;
    const position = page.position[index]!;
    if (offset >= 0) {
      const extents = this.#extents;
      if (!extents.seek(offset)) return false;
      const start = extents.foundAt + position;
      this.view.point(extents.foundBuffer, start, start + page.bytes[index]!);
      return true;
    }
    const chunk = this.#chunks.chunk(offset);
    if (chunk === undefined) return false;
    this.view.point(chunk.buffer, position, position + page.bytes[index]!);
    return true;
  }

  async load(row: number): Promise<void> {
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    const seq = page.seq[index]!;
    while (page.offset[index] !== GONE && page.seq[index] === seq && !this.locate(row)) {
      const extent = this.#extents.find(page.offset[index]!);
      if (extent !== undefined && extent.buffer === undefined) await this.#loader.load(extent);
      else {
        this.#counters.lostRows++;
        this.onLost?.(row);
        return;
      }
    }
  }

  hold(): MessageHold {
    retain(this.view.buffer);
    return this.view.buffer;
  }

  release(hold: MessageHold): void {
    release(hold);
  }

  /** The most frequent case in one piece: one row, and nothing special. */
  #putPlain(draft: MessageDraft, history: Buffer | undefined, bytes: number, row: number): void {
    const journal = this.#journal;
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    const entryBytes = ENTRY_HEAD_BYTES + TARGET_BYTES + bytes;
    const at = journal.reserve(entryBytes);
    const { buffer } = journal;
    writeUint32(buffer, entryBytes - 4, at);
    buffer[at + 4] = ENTRY_KIND.message;
    buffer[at + 5] = 0;
    buffer[at + 6] = 0;
    buffer[at + 7] = 1;
    writeUint32(buffer, page.queue[index]!, at + 8);
    writeUint48(buffer, page.seq[index]!, at + 12);
    buffer[at + 18] = page.priority[index]!;
    buffer[at + 19] = page.flags[index]!;
    const messageAt = at + ENTRY_HEAD_BYTES + TARGET_BYTES;
    const offset = journal.finish(writeMessage(draft, history, buffer, messageAt));
    journal.hasMessages = true;
    page.offset[index] = offset;
    page.position[index] = messageAt - journal.batchStart;
    page.bytes[index] = bytes;
    page.bodyBytes[index] = draft.bodyBytes;
    page.enqueuedMs[index] = journal.openedMs;
    const { extent } = journal;
    extent.liveRows += 1;
    extent.liveBytes += bytes;
    this.#counters.journaledMessages++;
  }

  #putJournaled(
    draft: MessageDraft,
    history: Buffer | undefined,
    bytes: number,
    rows: ArrayLike<number>,
    count: number,
    persistent: number,
  ): void {
    const journal = this.#journal;
    const timed = draft.ttlMs >= 0 || draft.dueMs > 0;
    const { groupId } = draft;
    let entryBytes = ENTRY_HEAD_BYTES + persistent * TARGET_BYTES + bytes;
    if (timed) entryBytes += TIMED_BYTES;
    if (groupId !== undefined) entryBytes += 2 + Buffer.byteLength(groupId, 'utf8');
    const at = journal.reserve(entryBytes);
    const { buffer, batchStart } = journal;
    writeUint32(buffer, entryBytes - 4, at);
    buffer[at + 4] = ENTRY_KIND.message;
    buffer[at + 5] =
      (timed ? ENTRY_FLAG.timed : 0) | (groupId === undefined ? 0 : ENTRY_FLAG.grouped);
    writeUint16(buffer, persistent, at + 6);
    let end = this.#writeTargets(buffer, at + ENTRY_HEAD_BYTES, rows, count);
    if (timed) {
      buffer.writeDoubleBE(draft.ttlMs, end);
      buffer.writeDoubleBE(draft.dueMs, end + 8);
      end += TIMED_BYTES;
    }
    if (groupId !== undefined) end = writeGroup(buffer, groupId, end);
    const messageAt = end;
    end = writeMessage(draft, history, buffer, end);
    const offset = journal.finish(end);
    journal.hasMessages = true;
    this.#place(rows, count, offset, messageAt - batchStart, bytes, draft.bodyBytes);
    if (timed || groupId !== undefined) this.#setRare(draft, rows, count);
    const extent = journal.extent;
    extent.liveRows += count;
    extent.liveBytes += bytes * count;
    this.#counters.journaledMessages++;
  }

  /** Rows that are not persistent share the memory, and are not targets. */
  #writeTargets(buffer: Buffer, from: number, rows: ArrayLike<number>, count: number): number {
    const table = this.rows;
    let at = from;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const page = table.page(row);
      const index = table.index(row);
      const flags = page.flags[index]!;
      if ((flags & ROW_FLAG.persistent) === 0) continue;
      writeUint32(buffer, page.queue[index]!, at);
      writeUint48(buffer, page.seq[index]!, at + 4);
      buffer[at + 10] = page.priority[index]!;
      buffer[at + 11] = flags;
      at += TARGET_BYTES;
    }
    return at;
  }

  #place(
    rows: ArrayLike<number>,
    count: number,
    offset: number,
    position: number,
    bytes: number,
    bodyBytes: number,
  ): void {
    const table = this.rows;
    const { openedMs } = this.#journal;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const page = table.page(row);
      const index = table.index(row);
      page.offset[index] = offset;
      page.position[index] = position;
      page.bytes[index] = bytes;
      page.bodyBytes[index] = bodyBytes;
      page.enqueuedMs[index] = openedMs;
    }
  }

  #setRare(draft: MessageDraft, rows: ArrayLike<number>, count: number): void {
    for (let i = 0; i < count; i++) {
      if (draft.dueMs > 0) this.#due.set(rows[i]!, draft.dueMs);
      if (draft.groupId !== undefined) this.#groups.set(rows[i]!, draft.groupId);
    }
  }

  #putVolatile(
    draft: MessageDraft,
    history: Buffer | undefined,
    bytes: number,
    rows: ArrayLike<number>,
    count: number,
  ): void {
    const chunk = this.#chunks.reserve(bytes);
    const { at } = this.#chunks;
    const end = writeMessage(draft, history, chunk.buffer, at);
    const offset = this.#chunks.finish(chunk, end, count);
    this.#place(rows, count, offset, at, bytes, draft.bodyBytes);
  }

  /** A message for more queues than one entry names is journaled several times. */
  #putParts(draft: MessageDraft, rows: ArrayLike<number>, count: number): void {
    for (let from = 0; from < count; from += ENTRY_ROWS_MAX) {
      const part = Array.prototype.slice.call(rows, from, Math.min(count, from + ENTRY_ROWS_MAX));
      this.put(draft, part, part.length);
    }
  }

  /** Closes the batch of this turn. */
  flush(): void {
    this.endTurn();
    this.#journal.close();
  }
}

export function writeGroup(buffer: Buffer, groupId: string, at: number): number {
  const bytes = buffer.write(groupId, at + 2, 'utf8');
  writeUint16(buffer, bytes, at);
  return at + 2 + bytes;
}
