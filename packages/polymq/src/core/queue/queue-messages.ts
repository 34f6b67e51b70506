/**
 * The messages of one queue: which state each is in, how many there are, and which is next. Rules (who gets one, when it
 * dies) are in `core-queue.ts`.
 *
 *   accept ─► enter ─► show ─► ready ─► lease ─► leased ─► endLease ─┬─► show, delay
 *                 └──► delay ─► delayed ─► due ──► ready             └─► forget
 *
 * Between two states a row is in limbo: in no list, and leased as far as its group knows. Whoever puts a row there puts
 * it elsewhere, or forgets it. Invariant: a row that is ready is in the ready levels, or waits in its group;
 * one that is leased has a holder; one that is delayed has a timer or is in limbo. `bytes` counts all from `enter` to `forget`.
 */
import { NO_TIMER, type TimerWheel } from '../../lib/timer-wheel.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { MessageGroups } from './message-groups.ts';
import type { MessageStore, RestoredMessage } from './message-store.ts';
import type { QueueSettings } from './queue-definition.ts';
import { expiryMs, visibleMs } from './queue-times.ts';
import { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_FLAG, ROW_STATE, type RowPage, type RowTable } from './rows.ts';

/** What the column holds. */
const ATTEMPTS_MAX = 0xffff;

export interface QueueMessagesOptions {
  store: MessageStore;
  /** Ends leases and delays; keys are rows. */
  rowTimers: TimerWheel;
  queueId: number;
  /** Whether persistent messages are to survive. */
  durable: boolean;
  priorityMax: number;
  groups: boolean | 'fair';
}

export class QueueMessages {
  readonly #store: MessageStore;
  readonly #rows: RowTable;
  readonly #rowTimers: TimerWheel;
  readonly #queueId: number;
  readonly #durable: boolean;
  readonly #priorityMax: number;
  readonly #groups: MessageGroups | undefined;
  #ready: ReadyLevels;
  #nextSeq = 0;
  #leasedCount = 0;
  #delayedCount = 0;
  #bytes = 0;
  /** What ready messages have of `bytes`, and their bodies of that. */
  #readyBytes = 0;
  #readyBodyBytes = 0;

  constructor(options: QueueMessagesOptions) {
    this.#store = options.store;
    this.#rows = options.store.rows;
    this.#rowTimers = options.rowTimers;
    this.#queueId = options.queueId;
    this.#durable = options.durable;
    this.#priorityMax = options.priorityMax;
    this.#groups = options.groups === true ? new MessageGroups(this.#rows) : undefined;
    this.#ready = new ReadyLevels(this.#rows);
  }

  get readyCount(): number {
    return this.#ready.count + (this.#groups === undefined ? 0 : this.#groups.waitingCount);
  }

  get leasedCount(): number {
    return this.#leasedCount;
  }

  get delayedCount(): number {
    return this.#delayedCount;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of the bodies of ready messages. */
  get readyBodyBytes(): number {
    return this.#readyBodyBytes;
  }

  /** Groups with messages. */
  get groupCount(): number {
    return this.#groups?.count ?? 0;
  }

  /** A row in limbo for a message that is about to be put. */
  accept(draft: MessageDraft, expiresMs: number): number {
    const row = this.#rows.allocate();
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    page.queue[index] = this.#queueId;
    page.seq[index] = this.#nextSeq;
    this.#nextSeq += 1;
    page.priority[index] = Math.min(draft.priority, this.#priorityMax);
    page.flags[index] = this.#durable && draft.persistent ? ROW_FLAG.persistent : 0;
    page.expiresMs[index] = expiresMs;
    page.state[index] = ROW_STATE.delayed;
    if (this.#groups !== undefined && draft.groupId !== undefined) {
      this.#groups.join(row, draft.groupId);
      this.#groups.lease(row);
    }
    return row;
  }

  /** The message was put; its row is in limbo still. */
  enter(page: RowPage, index: number): void {
    this.#bytes += page.bytes[index]!;
  }

  /** Takes in a message of before the restart, in the order of `seq`. Whether it expires. */
  restore(message: RestoredMessage, settings: QueueSettings, nowMs: number): boolean {
    const { row, enqueuedMs, groupId } = message;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#nextSeq = Math.max(this.#nextSeq, page.seq[index]! + 1);
    page.priority[index] = Math.min(page.priority[index]!, this.#priorityMax);
    const ownMs = page.expiresMs[index]!;
    page.expiresMs[index] = expiryMs(settings, ownMs === 0 ? -1 : ownMs - enqueuedMs, enqueuedMs);
    if (this.#groups !== undefined && groupId !== undefined) {
      this.#groups.join(row, groupId);
      this.#groups.lease(row);
    }
    this.enter(page, index);
    const fromMs = visibleMs(settings, message.dueMs, enqueuedMs);
    if (fromMs <= nowMs) this.show(row, page, index);
    // One that was delayed when it came back kept its group waiting.
    else this.delay(row, page, index, fromMs - nowMs, page.attempts[index]! > 0);
    return page.expiresMs[index] !== 0;
  }

  /** The next ready row, or `NO_ROW`. */
  peek(): number {
    return this.#ready.peek();
  }

  /** The first ready row of each priority that has any. */
  forEachHead(visit: (row: number, priority: number) => void): void {
    this.#ready.forEachHead(visit);
  }

  /** When the first of those that are next, each in its priority, expires; infinite if none does. */
  firstExpiryMs(): number {
    let firstMs = Number.POSITIVE_INFINITY;
    this.#ready.forEachHead((row) => {
      const expiresMs = this.#rows.page(row).expiresMs[this.#rows.index(row)]!;
      if (expiresMs !== 0 && expiresMs < firstMs) firstMs = expiresMs;
    });
    return firstMs;
  }

  /** The next row of the group of a leased row that waits for it, or `NO_ROW`. */
  peekGroup(row: number): number {
    return this.#groups?.peekWaiting(row) ?? NO_ROW;
  }

  /** A row in limbo can be delivered when its turn comes, and that of its group. */
  show(row: number, page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.ready;
    this.#countReady(page, index, 1);
    if (page.group[index] === 0) {
      this.#ready.insert(row, page.priority[index]!);
      return;
    }
    this.#groups!.unlease(row);
    this.#insert(this.#groups!.offer(row));
  }

  /** A row in limbo becomes ready later. If it `blocks`, the others of its group wait for it. */
  delay(row: number, page: RowPage, index: number, delayMs: number, blocks: boolean): void {
    page.state[index] = ROW_STATE.delayed;
    this.#delayedCount += 1;
    page.timer[index] = this.#rowTimers.add(delayMs, row);
    if (page.group[index] === 0) return;
    if (blocks) page.group[index] = -page.group[index]!;
    else this.#insert(this.#groups!.release(row));
  }

  /** The timer of a delayed row has fired: it goes to limbo. */
  due(row: number, page: RowPage, index: number): void {
    this.#delayedCount -= 1;
    page.timer[index] = NO_TIMER;
    if (page.group[index]! < 0) page.group[index] = -page.group[index]!;
    else if (page.group[index]! > 0) this.#groups!.lease(row);
  }

  /** Leases the row that `peek` has just returned. */
  lease(row: number, page: RowPage, index: number, leaseMs: number): void {
    this.#ready.pop();
    if (page.group[index] !== 0) this.#groups!.leaseQueued(row);
    this.#setLeased(row, page, index, leaseMs);
  }

  /** Leases the row that `peekGroup` has just returned. */
  leaseGroup(row: number, page: RowPage, index: number, leaseMs: number): void {
    this.#groups!.leaseWaiting(row);
    this.#setLeased(row, page, index, leaseMs);
  }

  /** Takes the row that `peek` has just returned to limbo. */
  pop(): number {
    const row = this.#ready.peek();
    return this.popHead(this.#rows.page(row).priority[this.#rows.index(row)]!);
  }

  /** Takes the first ready row of a priority to limbo; there must be one. */
  popHead(priority: number): number {
    const row = this.#ready.popLevel(priority);
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    page.state[index] = ROW_STATE.delayed;
    this.#countReady(page, index, -1);
    if (page.group[index] !== 0) this.#groups!.leaseQueued(row);
    return row;
  }

  /** A row in limbo was handed out in vain. Returns how often that has happened. */
  countAttempt(page: RowPage, index: number): number {
    const attempts = Math.min(page.attempts[index]! + 1, ATTEMPTS_MAX);
    page.attempts[index] = attempts;
    page.flags[index]! |= ROW_FLAG.redelivered;
    return attempts;
  }

  /** The row goes from its holder to limbo. */
  endLease(row: number, page: RowPage, index: number): void {
    if (page.state[index] !== ROW_STATE.leased || page.queue[index] !== this.#queueId) {
      throw new Error(`row ${row} is not leased from queue ${this.#queueId}`);
    }
    page.state[index] = ROW_STATE.delayed;
    this.#leasedCount -= 1;
    if (page.timer[index] === NO_TIMER) return;
    this.#rowTimers.cancel(page.timer[index]!);
    page.timer[index] = NO_TIMER;
  }

  /** The lease ends at another time than it was to. */
  extend(row: number, page: RowPage, index: number, leaseMs: number): void {
    if (!this.holds(row, page.seq[index]!)) throw new Error(`row ${row} is not leased`);
    this.#rowTimers.cancel(page.timer[index]!);
    page.timer[index] = this.#rowTimers.add(leaseMs, row);
  }

  /** The end of every message; its row is in limbo. Whether another of its group became ready. */
  forget(row: number, page: RowPage, index: number): boolean {
    this.#bytes -= page.bytes[index]!;
    this.#store.remove(row);
    if (page.group[index] === 0) {
      this.#rows.free(row);
      return false;
    }
    this.#groups!.unlease(row);
    const next = this.#groups!.leave(row);
    this.#rows.free(row);
    this.#insert(next);
    return next !== NO_ROW;
  }

  holds(row: number, seq: number): boolean {
    return this.#is(row, seq, ROW_STATE.leased);
  }

  isReady(row: number, seq: number): boolean {
    return this.#is(row, seq, ROW_STATE.ready);
  }

  seq(row: number): number {
    return this.#rows.page(row).seq[this.#rows.index(row)]!;
  }

  groupIdOf(row: number): string | undefined {
    return this.#groups?.idOf(row);
  }

  /** The first `countMax` ready rows: as they would be delivered, but for groups, which are in the order of `seq`. */
  first(countMax: number): number[] {
    const rows = this.#ready.first(countMax);
    if (this.#groups === undefined) return rows;
    rows.push(...this.#groups.waiting(countMax));
    return rows.sort((a, b) => this.seq(a) - this.seq(b)).slice(0, countMax);
  }

  /** Gives up all ready rows: they are not counted any more, and belong to no group. */
  takeReady(): ReadyLevels {
    const taken = this.#ready;
    this.#ready = new ReadyLevels(this.#rows);
    this.#bytes -= this.#readyBytes;
    this.#readyBytes = 0;
    this.#readyBodyBytes = 0;
    const groups = this.#groups;
    if (groups === undefined) return taken;
    const all = new ReadyLevels(this.#rows);
    for (const row of groups.removeWaiting()) all.insert(row, 0);
    for (let row = taken.peek(); row !== NO_ROW; row = taken.peek()) {
      taken.pop();
      if (groups.idOf(row) !== undefined) {
        groups.leaseQueued(row);
        groups.unlease(row);
        groups.leave(row);
      }
      all.insert(row, 0);
    }
    return all;
  }

  #setLeased(row: number, page: RowPage, index: number, leaseMs: number): void {
    page.state[index] = ROW_STATE.leased;
    this.#leasedCount += 1;
    this.#countReady(page, index, -1);
    if (leaseMs > 0) page.timer[index] = this.#rowTimers.add(leaseMs, row);
  }

  #countReady(page: RowPage, index: number, sign: 1 | -1): void {
    this.#readyBytes += sign * page.bytes[index]!;
    this.#readyBodyBytes += sign * page.bodyBytes[index]!;
  }

  #insert(row: number): void {
    if (row === NO_ROW) return;
    this.#ready.insert(row, this.#rows.page(row).priority[this.#rows.index(row)]!);
  }

  #is(row: number, seq: number, state: number): boolean {
    // Anything may be asked for, also what has no page any more.
    const page: RowPage | undefined = this.#rows.page(row);
    if (page === undefined) return false;
    const index = this.#rows.index(row);
    return (
      page.state[index] === state && page.seq[index] === seq && page.queue[index] === this.#queueId
    );
  }
}
