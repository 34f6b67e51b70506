/**
 * The messages of one queue: which state each is in, how many there are, and which is next. Rules are elsewhere: who
 * gets one (`delivery.ts`, `leases.ts`) and when it dies (`queue-deaths.ts`).
 *
 *   accept ─► enter ─► show ─► ready ─► lease ─► leased ─► endLease ─┬─► show, delay
 *                 └──► delay ─► delayed ─► due ──► ready             └─► forget
 *
 * Between two states a row is in limbo: in no list. Whoever puts a row there puts it elsewhere, or forgets it.
 * Invariant: a row that is ready is in the ready levels, or in its group; one that is leased has a holder; one that is
 * delayed has a timer or is in limbo. `bytes` counts all from `enter` to `forget`.
 *
 * A message can also be discarded while it is ready or delayed, or revoked from its holder. It is gone at once then; its row
 * may stay for whoever has it still, in the state `gone`, which nothing here counts or shows.
 */
import { NO_TIMER, type TimerWheel } from '../../lib/timer-wheel.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { CountedLeases } from './counted-leases.ts';
import { ATTEMPTS_MAX } from './counted-leases.ts';
import { FairGroups } from './fair-groups.ts';
import { MessageGroups } from './message-groups.ts';
import type { MessageStore, RestoredMessage } from './message-store.ts';
import type { Counted } from './queue.ts';
import type { QueueSettings } from './queue-definition.ts';
import { expiryMs, visibleMs } from './queue-times.ts';
import { ReadyLevels } from './ready-levels.ts';
import type { RowGroups } from './row-groups.ts';
import { NO_ROW, ROW_FLAG, ROW_STATE, type RowPage, type RowTable } from './rows.ts';

export interface QueueMessagesOptions {
  store: MessageStore;
  /** Ends leases and delays; keys are rows. */
  rowTimers: TimerWheel;
  counted: CountedLeases;
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
  readonly #groups: RowGroups | undefined;
  /** The same, where groups lock … */
  readonly #locking: MessageGroups | undefined;
  /** … or are fair. */
  readonly #fair: FairGroups | undefined;
  readonly counted: CountedLeases;
  #ready: ReadyLevels;
  #nextSeq = 0;
  /** No message of before the restart has this `seq` or a higher one. */
  #restoredEnd = 0;
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
    this.#locking = options.groups === true ? new MessageGroups(this.#rows) : undefined;
    this.#fair = options.groups === 'fair' ? new FairGroups(this.#rows) : undefined;
    this.#groups = this.#locking ?? this.#fair;
    this.counted = options.counted;
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

  /** What the next message to come gets. */
  get restoredEnd(): number {
    return this.#restoredEnd;
  }

  get nextSeq(): number {
    return this.#nextSeq;
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
    let flags = this.#durable && draft.persistent ? ROW_FLAG.persistent : 0;
    if (expiresMs !== 0 && draft.ttlMs < 0) flags |= ROW_FLAG.queueTtl;
    page.flags[index] = flags;
    page.expiresMs[index] = expiresMs;
    page.state[index] = ROW_STATE.delayed;
    if (this.#groups !== undefined && draft.groupId !== undefined) {
      this.#groups.join(row, draft.groupId);
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
    this.#setExpiry(page, index, settings, enqueuedMs);
    this.#locking?.restoring();
    if (this.#groups !== undefined && groupId !== undefined) this.#groups.join(row, groupId);
    this.enter(page, index);
    const leasedMs = this.counted.restore(row, page, index, message.dueMs, nowMs);
    const fromMs = leasedMs === 0 ? nowMs : visibleMs(settings, message.dueMs, enqueuedMs);
    if (leasedMs > 0) this.#restoreLease(row, page, index, leasedMs);
    else if (fromMs <= nowMs) this.show(row, page, index);
    // One that was delayed when it came back kept its group waiting.
    else this.delay(row, page, index, fromMs - nowMs, page.attempts[index]! > 0);
    return page.expiresMs[index] !== 0;
  }

  /** All messages of before the restart were taken in. */
  restored(): void {
    this.#restoredEnd = this.#nextSeq;
    for (const row of this.#locking?.restored() ?? []) this.#insert(row);
  }

  /** The next ready row, or `NO_ROW`. */
  peek(): number {
    const row = this.#ready.peek();
    return this.#fair === undefined ? row : this.#fair.first(row);
  }

  /** The ready row that is missed least: the oldest of the lowest priority. `NO_ROW`: there is none. */
  lowest(): number {
    const row = this.#ready.lowest();
    return this.#fair === undefined ? row : this.#fair.first(row);
  }

  /** The first ready row of each priority that has any, and that of all groups that expires first. */
  forEachHead(visit: (row: number) => void): void {
    this.#ready.forEachHead(visit);
    const row = this.#fair?.firstToExpire() ?? NO_ROW;
    if (row !== NO_ROW) visit(row);
  }

  /** When the first of those that are next, each in its priority, expires; infinite if none does. */
  firstExpiryMs(): number {
    let firstMs = Number.POSITIVE_INFINITY;
    this.forEachHead((row) => {
      const expiresMs = this.#rows.page(row).expiresMs[this.#rows.index(row)]!;
      if (expiresMs !== 0 && expiresMs < firstMs) firstMs = expiresMs;
    });
    return firstMs;
  }

  /** The next row of the group of a leased row that waits for it, or `NO_ROW`. */
  peekGroup(row: number): number {
    return this.#locking?.peekWaiting(row) ?? NO_ROW;
  }

  /** A row in limbo can be delivered when its turn comes, and that of its group. */
  show(row: number, page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.ready;
    this.#countReady(page, index, 1);
    if (page.group[index] === 0) {
      this.#ready.insert(row, page.priority[index]!);
      return;
    }
    this.#insert(this.#groups!.offer(row));
  }

  /** A row in limbo becomes ready later. If it `blocks`, the others of its group wait for it. */
  delay(row: number, page: RowPage, index: number, delayMs: number, blocks: boolean): void {
    page.state[index] = ROW_STATE.delayed;
    this.#delayedCount += 1;
    page.timer[index] = this.#rowTimers.add(delayMs, row);
    if (page.group[index] !== 0) this.#insert(this.#groups!.delay(row, blocks));
  }

  /** The timer of a delayed row has fired: it goes to limbo. */
  due(row: number, page: RowPage, index: number): void {
    this.#delayedCount -= 1;
    page.timer[index] = NO_TIMER;
    if (page.group[index] !== 0) this.#groups!.due(row);
  }

  /** Leases the row that `peek` has just returned. The store's view stays at it. */
  lease(row: number, page: RowPage, index: number, leaseMs: number, counted: Counted): void {
    if (page.group[index] === 0) this.#ready.pop();
    else if (this.#fair !== undefined) this.#fair.lease(row, this.#nextSeq);
    else {
      this.#ready.pop();
      this.#locking!.takeListed(row);
    }
    this.#setLeased(row, page, index, leaseMs, counted);
  }

  /** Leases the row that `peekGroup` has just returned. The store's view stays at it. */
  leaseGroup(row: number, page: RowPage, index: number, leaseMs: number, counted: Counted): void {
    this.#locking!.takeWaiting(row);
    this.#setLeased(row, page, index, leaseMs, counted);
  }

  /** Takes a row that `peek` or `forEachHead` has just returned to limbo. */
  pop(row: number, page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.delayed;
    this.#countReady(page, index, -1);
    if (page.group[index] !== 0 && this.#fair !== undefined) this.#fair.pop(row);
    else {
      this.#ready.popLevel(page.priority[index]!);
      if (page.group[index] !== 0) this.#locking!.takeListed(row);
    }
  }

  /** Takes the row that `peekGroup` has just returned to limbo. */
  popGroup(row: number, page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.delayed;
    this.#countReady(page, index, -1);
    this.#locking!.takeWaiting(row);
  }

  /** A row in limbo was handed out in vain. Returns how often that has happened. */
  countAttempt(page: RowPage, index: number): number {
    const attempts = Math.min(page.attempts[index]! + 1, ATTEMPTS_MAX);
    page.attempts[index] = attempts;
    page.flags[index]! |= ROW_FLAG.redelivered;
    return attempts;
  }

  /** The row goes from its holder to limbo. Whether its lease was counted. */
  endLease(row: number, page: RowPage, index: number): boolean {
    if (page.state[index] !== ROW_STATE.leased || page.queue[index] !== this.#queueId) {
      throw new Error(`row ${row} is not leased from queue ${this.#queueId}`);
    }
    page.state[index] = ROW_STATE.delayed;
    this.#leasedCount -= 1;
    if (this.#fair !== undefined && page.group[index] !== 0) this.#fair.endLease(row);
    this.#stopTimer(page, index);
    return this.counted.end(page, index);
  }

  /** The lease ends at another time than it was to. */
  extend(row: number, page: RowPage, index: number, leaseMs: number): void {
    if (!this.holds(row, page.seq[index]!)) throw new Error(`row ${row} is not leased`);
    this.#rowTimers.cancel(page.timer[index]!);
    page.timer[index] = this.#rowTimers.add(leaseMs, row);
    this.counted.extend(row, page, index, leaseMs);
  }

  /** The end of every message; its row is in limbo. Whether another of its group became ready. */
  forget(row: number, page: RowPage, index: number): boolean {
    this.#drop(row, page, index);
    if (page.group[index] === 0) {
      this.#rows.free(row);
      return false;
    }
    const next = this.#groups!.leave(row);
    this.#rows.free(row);
    this.#insert(next);
    return next !== NO_ROW;
  }

  /** A ready or delayed message is gone, wherever it is in the order. Whether another of its group became ready. */
  discard(row: number, page: RowPage, index: number): boolean {
    if (page.state[index] === ROW_STATE.delayed) {
      this.#stopTimer(page, index);
      this.due(row, page, index);
      return this.forget(row, page, index);
    }
    this.#countReady(page, index, -1);
    this.#drop(row, page, index);
    page.state[index] = ROW_STATE.gone;
    const grouped = page.group[index] !== 0;
    if (!grouped || this.#groups!.isListed(row)) this.#ready.discard(page.priority[index]!);
    if (!grouped) return false;
    const next = this.#groups!.discard(row);
    this.#insert(next);
    return next !== NO_ROW;
  }

  /** Takes a message from its holder for good, who answers if he was not told that he need not. Whether another of its group became ready. */
  revoke(row: number, page: RowPage, index: number): boolean {
    const ends = page.timer[index] !== NO_TIMER;
    if (this.endLease(row, page, index) || ends) return this.forget(row, page, index);
    this.#drop(row, page, index);
    page.state[index] = ROW_STATE.gone;
    if (page.group[index] === 0) return false;
    const next = this.#groups!.leave(row);
    this.#insert(next);
    return next !== NO_ROW;
  }

  /** The holder of a message that was revoked has answered. */
  letGo(row: number, page: RowPage, index: number): void {
    if (page.queue[index] !== this.#queueId) {
      throw new Error(`row ${row} is not of queue ${this.#queueId}`);
    }
    this.#rows.free(row);
  }

  /** Whether `discard` may be called: it is ready or delayed, not on its way elsewhere. */
  isDiscardable(row: number, seq: number): boolean {
    if (this.isReady(row, seq)) return true;
    return (
      this.#is(row, seq, ROW_STATE.delayed) &&
      this.#rows.page(row).timer[this.#rows.index(row)] !== NO_TIMER
    );
  }

  /** After `setTtl` of all rows. */
  ttlChanged(): void {
    this.#fair?.expiriesChanged();
  }

  /** Sets anew when a row expires: the settings of the queue, where `ttlMs` was the rule before, are others now. */
  setTtl(row: number, settings: QueueSettings, ttlMs: number | undefined, nowMs: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    const expiresMs = page.expiresMs[index]!;
    let enqueuedMs = nowMs;
    const flags = page.flags[index]!;
    // Of others it is not kept when they came.
    if ((flags & ROW_FLAG.persistent) !== 0) enqueuedMs = page.enqueuedMs[index]!;
    else if ((flags & ROW_FLAG.queueTtl) !== 0 && ttlMs !== undefined && expiresMs !== 0) {
      enqueuedMs = expiresMs - ttlMs;
    }
    this.#setExpiry(page, index, settings, enqueuedMs);
  }

  holds(row: number, seq: number): boolean {
    return this.#is(row, seq, ROW_STATE.leased);
  }

  /** Whether the row is the message with that `seq` still, wherever that is. */
  isHere(row: number, seq: number): boolean {
    return this.holds(row, seq) || this.isReady(row, seq) || this.#is(row, seq, ROW_STATE.delayed);
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

  /** Gives up all ready rows: they are not counted any more, belong to no group, and may be in any order. */
  takeReady(): ReadyLevels {
    const taken = this.#ready;
    this.#ready = new ReadyLevels(this.#rows);
    this.#bytes -= this.#readyBytes;
    this.#readyBytes = 0;
    this.#readyBodyBytes = 0;
    const groups = this.#groups;
    if (groups === undefined) return taken;
    const all = new ReadyLevels(this.#rows);
    for (const row of groups.removeWaiting()) all.push(row, 0);
    for (let row = taken.peek(); row !== NO_ROW; row = taken.peek()) {
      taken.pop();
      if (groups.idOf(row) !== undefined) {
        this.#locking!.takeListed(row);
        groups.leave(row);
      }
      all.push(row, 0);
    }
    return all;
  }

  #setLeased(row: number, page: RowPage, index: number, leaseMs: number, counted: Counted): void {
    page.state[index] = ROW_STATE.leased;
    this.#leasedCount += 1;
    this.#countReady(page, index, -1);
    if (leaseMs > 0) page.timer[index] = this.#rowTimers.add(leaseMs, row);
    if (counted === true) this.counted.begin(row, page, index, leaseMs);
    else if (counted === 'local') this.counted.beginLocal(row, page, index);
  }

  /** A row in limbo was leased before the restart, and is still. */
  #restoreLease(row: number, page: RowPage, index: number, leaseMs: number): void {
    page.state[index] = ROW_STATE.leased;
    this.#leasedCount += 1;
    page.timer[index] = this.#rowTimers.add(leaseMs, row);
    if (page.group[index] !== 0) this.#groups!.restoreLease(row);
  }

  /** When the row expires, by its own time to live, if it has one, and the queue's. */
  #setExpiry(page: RowPage, index: number, settings: QueueSettings, enqueuedMs: number): void {
    const ownMs = (page.flags[index]! & ROW_FLAG.queueTtl) !== 0 ? 0 : page.expiresMs[index]!;
    const expiresMs = expiryMs(settings, -1, enqueuedMs);
    page.expiresMs[index] =
      ownMs !== 0 && (expiresMs === 0 || ownMs < expiresMs) ? ownMs : expiresMs;
    if (ownMs === 0 && page.expiresMs[index] !== 0) page.flags[index]! |= ROW_FLAG.queueTtl;
  }

  /** The message is not there any more. */
  #drop(row: number, page: RowPage, index: number): void {
    this.#bytes -= page.bytes[index]!;
    this.#store.remove(row);
    this.counted.forget(row, page, index);
  }

  #stopTimer(page: RowPage, index: number): void {
    if (page.timer[index] === NO_TIMER) return;
    this.#rowTimers.cancel(page.timer[index]!);
    page.timer[index] = NO_TIMER;
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
