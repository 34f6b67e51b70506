/**
 * The one kind of queue (`queue.ts` draws its states). Everything happens at once, without promises, but for reading
 * messages back from disk.
 *
 *   publish ─► accept ─► store.put ─► enqueue ─► pump ─► deliver
 *
 * `#pump` hands out messages while there is a message and a ready consumer. Whatever a consumer does meanwhile (acknowledge,
 * publish, resume) only changes the state; the loop that is running sees it. So the stack stays flat.
 *
 * Invariants: a row in the ready levels or waiting in a group has state ready; one with a holder has state leased;
 * one with state delayed has a timer, or is on its way to a dead-letter exchange. `bytes` counts all of them.
 */
import { NO_TIMER } from '../../lib/timer-wheel.ts';
import { BrokerError } from '../errors.ts';
import type { DeathReason } from '../message/history.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { ConsumerRing } from './consumer-ring.ts';
import { MessageGroups } from './message-groups.ts';
import type { Queue, QueueConsumer, RequeueOptions } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import type { QueueDefinition } from './queue-definition.ts';
import { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_FLAG, ROW_STATE, type RowPage, type RowTable } from './rows.ts';

/** Messages that one queue delivers or expires before others get their turn of the event loop. */
const TURN_MAX = 1000;
const ATTEMPTS_MAX = 0xffff;

export class CoreQueue implements Queue {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly definition: QueueDefinition;
  readonly #context: QueueContext;
  readonly #rows: RowTable;
  readonly #durable: boolean;
  readonly #priorityMax: number;
  readonly #lengthMax: number;
  readonly #bytesMax: number;
  /** Whether something is to be looked after when the pump has run: limits or expiry. */
  #watchful: boolean;
  readonly #groups: MessageGroups | undefined;
  #ready: ReadyLevels;
  #consumers: ConsumerRing | undefined;
  #nextSeq = 0;
  #leasedCount = 0;
  #delayedCount = 0;
  #bytes = 0;
  #readyBytes = 0;
  #deleted = false;
  #pumping = false;
  /** `proceed` is on its way. */
  #waiting = false;
  #loading: Promise<void> | undefined;
  /** Wakes the queue when the first message of a priority expires. */
  #headTimer: number = NO_TIMER;
  #headTimerMs: number = Number.POSITIVE_INFINITY;
  #unusedTimer: number = NO_TIMER;
  #usedMs = 0;

  constructor(
    context: QueueContext,
    identity: { id: number; namespace: string; name: string },
    definition: QueueDefinition,
  ) {
    const { settings } = definition;
    this.#context = context;
    this.#rows = context.store.rows;
    this.id = identity.id;
    this.namespace = identity.namespace;
    this.name = identity.name;
    this.definition = definition;
    this.#durable = definition.durable && !definition.exclusive;
    this.#priorityMax = settings.priorityMax ?? 0;
    this.#lengthMax = settings.lengthMax ?? Number.POSITIVE_INFINITY;
    this.#bytesMax = settings.bytesMax ?? Number.POSITIVE_INFINITY;
    this.#watchful = settings.lengthMax !== undefined || settings.bytesMax !== undefined;
    this.#groups = settings.groups ? new MessageGroups(this.#rows) : undefined;
    this.#ready = new ReadyLevels(this.#rows);
    if (settings.expiresMs !== undefined) this.touch();
  }

  /** Whether the queue itself outlives the process. */
  get durable(): boolean {
    return this.#durable;
  }

  get readyCount(): number {
    return this.#ready.count + (this.#groups?.waitingCount ?? 0);
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

  /** Whole messages, not only their bodies. */
  get readyBytes(): number {
    return this.#readyBytes;
  }

  get consumerCount(): number {
    return this.#consumers?.count ?? 0;
  }

  /** The one that gets all messages, where only one may. */
  get activeConsumer(): QueueConsumer | undefined {
    return this.#consumers?.active;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  addConsumer(
    consumer: QueueConsumer,
    options: { priority?: number; exclusive?: boolean } = {},
  ): void {
    if (this.#deleted) throw new BrokerError('unknown-queue', `queue "${this.name}" is deleted`);
    this.#consumers ??= new ConsumerRing(this.definition.settings.singleActiveConsumer ?? false);
    this.#consumers.add(consumer, options.priority ?? 0, options.exclusive ?? false);
    this.touch();
    this.#pump(0);
  }

  removeConsumer(consumer: QueueConsumer): void {
    if (this.#consumers?.remove(consumer) !== true || this.#deleted) return;
    this.touch();
    if (this.#consumers.count > 0) {
      // Another one may have become the active one.
      this.#pump(0);
      return;
    }
    this.#consumers = undefined;
    if (this.definition.autoDelete) this.#context.deleteUnused(this);
  }

  resume(consumer: QueueConsumer): void {
    if (this.#consumers === undefined) return;
    this.#consumers.resume(consumer);
    this.#pump(0);
  }

  /** It is in use: it was declared again. */
  touch(): void {
    const { expiresMs } = this.definition.settings;
    if (expiresMs === undefined || this.#deleted) return;
    this.#usedMs = this.#context.clock.monotonicMs();
    if (this.#unusedTimer === NO_TIMER) {
      this.#unusedTimer = this.#context.unusedTimers.add(expiresMs, this.id | 0);
    }
  }

  /**
   * A row for a message that is about to be put, or `NO_ROW` if the queue is full and refuses it. `nowMs` is looked at
   * only if the message expires.
   */
  accept(draft: MessageDraft, nowMs: number): number {
    if (this.#watchful && this.#refuses(draft)) return NO_ROW;
    const row = this.#rows.allocate();
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    page.queue[index] = this.id;
    page.seq[index] = this.#nextSeq;
    this.#nextSeq += 1;
    const { priority } = draft;
    page.priority[index] = Math.min(priority, this.#priorityMax);
    if (this.#durable && draft.persistent) page.flags[index] = ROW_FLAG.persistent;
    const ttlMs = this.#ttlMs(draft.ttlMs);
    if (ttlMs >= 0) {
      page.expiresMs[index] = nowMs + ttlMs;
      this.#watchful = true;
    }
    if (this.#groups !== undefined && draft.groupId !== undefined) {
      this.#groups.join(row, draft.groupId);
    }
    // Until it is enqueued it is in no list.
    page.state[index] = ROW_STATE.delayed;
    return row;
  }

  /** Whether `accept` needs to know the time. */
  get timed(): boolean {
    const { settings } = this.definition;
    return settings.messageTtlMs !== undefined || settings.delayMs !== undefined;
  }

  /** Shows a message that `accept` gave a row, and that was put. */
  enqueue(row: number, dueMs: number, nowMs: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#bytes += page.bytes[index]!;
    this.#context.counters.published += 1;
    if (this.#deleted) {
      this.#forget(row, page, index);
      return;
    }
    const { delayMs } = this.definition.settings;
    const visibleMs = dueMs === 0 && delayMs !== undefined ? nowMs + delayMs : dueMs;
    if (visibleMs > nowMs) {
      this.#delay(row, page, index, visibleMs - nowMs);
      return;
    }
    this.#show(row, page, index);
    // What expires in this millisecond can still be delivered at once.
    if (nowMs === 0) this.#pump(0);
    else this.#pump(nowMs - 1);
  }

  take(leaseMs = 0): number | undefined | Promise<number | undefined> {
    if (this.#deleted) return undefined;
    this.touch();
    for (let count = 0; ; count++) {
      const row = this.#ready.peek();
      if (row === NO_ROW) return undefined;
      const page = this.#rows.page(row);
      const index = this.#rows.index(row);
      if (this.#isExpired(page, index, 0)) {
        if (count === TURN_MAX) return this.#takeLater(leaseMs);
        this.#expireHead();
      } else if (this.#context.store.locate(row)) {
        this.#ready.pop();
        this.#lease(row, page, index, leaseMs);
        this.#watchHead();
        return row;
      } else {
        return this.#load(row).then(() => this.take(leaseMs));
      }
    }
  }

  /**
   * Leases the next message of the group of a row that is leased, without waiting for that one to be answered.
   * `undefined`: there is none, or it is not in memory.
   */
  takeNextOfGroup(row: number, leaseMs = 0): number | undefined {
    const next = this.#groups?.peekWaiting(row) ?? NO_ROW;
    if (next === NO_ROW || this.#deleted) return undefined;
    const page = this.#rows.page(next);
    const index = this.#rows.index(next);
    if (this.#isExpired(page, index, 0) || !this.#context.store.locate(next)) return undefined;
    this.#groups!.leaseWaiting(next);
    this.#setLeased(page, index);
    if (leaseMs > 0) page.timer[index] = this.#context.rowTimers.add(leaseMs, next);
    return next;
  }

  holds(row: number, seq: number): boolean {
    const page = this.#rows.pages[row >> 14];
    if (page === undefined) return false;
    const index = this.#rows.index(row);
    return (
      page.state[index] === ROW_STATE.leased &&
      page.seq[index] === seq &&
      page.queue[index] === this.id
    );
  }

  ack(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#endLease(row, page, index);
    this.#context.counters.acked += 1;
    this.#forget(row, page, index);
  }

  requeue(row: number, options?: RequeueOptions): void {
    this.#giveBack(row, options);
    this.#pump(0);
  }

  requeueAll(rows: readonly number[], options?: RequeueOptions): void {
    // From the newest on, each goes to the head.
    const sorted = rows.slice().sort((a, b) => this.#seq(b) - this.#seq(a));
    for (const row of sorted) this.#giveBack(row, options);
    this.#pump(0);
  }

  reject(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#endLease(row, page, index);
    this.#kill(row, page, index, 'rejected');
  }

  extend(row: number, leaseMs: number): void {
    if (leaseMs <= 0) {
      this.requeue(row);
      return;
    }
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#expectLeased(row, page, index);
    this.#cancelTimer(page, index);
    page.timer[index] = this.#context.rowTimers.add(leaseMs, row);
  }

  async purge(): Promise<number> {
    const { store, counters } = this.#context;
    const count = this.readyCount;
    counters.purged += count;
    const discarded = this.#context.discard(this.#takeReady());
    await discarded;
    if (this.#durable) await store.whenCommitted(store.position);
    return count;
  }

  async peek(countMax: number, visit: (view: MessageView, row: number) => void): Promise<void> {
    const { store } = this.#context;
    for (const row of this.#first(countMax)) {
      const seq = this.#seq(row);
      if (!store.locate(row)) {
        await store.load(row);
        if (!this.#isReady(row, seq) || !store.locate(row)) continue;
      }
      visit(store.view, row);
    }
  }

  /** The timer of the row has fired: its lease is over, or it is due. */
  rowDue(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    page.timer[index] = NO_TIMER;
    if (page.state[index] === ROW_STATE.leased) {
      this.requeue(row);
      return;
    }
    this.#delayedCount -= 1;
    if (this.#deleted) {
      this.#forget(row, page, index);
      return;
    }
    if (page.group[index]! < 0) {
      page.group[index] = -page.group[index]!;
      this.#groups!.unlease(row);
    }
    this.#show(row, page, index);
    this.#pump(0);
  }

  /** The group of a message, if it has one. */
  groupIdOf(row: number): string | undefined {
    return this.#groups?.idOf(row);
  }

  /** A dead letter was sent on, or nobody wanted it. */
  forgetDead(row: number): void {
    this.#forget(row, this.#rows.page(row), this.#rows.index(row));
  }

  /** Goes on with what did not fit into one turn. */
  proceed(): void {
    this.#waiting = false;
    this.#pump(0);
  }

  /** The first message of some priority may have expired. */
  headDue(): void {
    this.#headTimer = NO_TIMER;
    this.#headTimerMs = Number.POSITIVE_INFINITY;
    this.#pump(0);
  }

  /** The queue may not have been used for long enough to be deleted. */
  unusedDue(): void {
    this.#unusedTimer = NO_TIMER;
    if (this.consumerCount > 0 || this.#deleted) return;
    const { clock, unusedTimers } = this.#context;
    const restMs = this.#usedMs + this.definition.settings.expiresMs! - clock.monotonicMs();
    if (restMs <= 0) this.#context.deleteUnused(this);
    else this.#unusedTimer = unusedTimers.add(restMs, this.id | 0);
  }

  /** Nothing works any more. Returns the ready messages, which are not counted any more. */
  markDeleted(): ReadyLevels {
    this.#deleted = true;
    this.#context.headTimers.cancel(this.#headTimer);
    this.#context.unusedTimers.cancel(this.#unusedTimer);
    const consumers = this.#consumers?.clear() ?? [];
    this.#consumers = undefined;
    const ready = this.#takeReady();
    for (const consumer of consumers) consumer.onCancelled();
    return ready;
  }

  /** Hands out messages while there are both, messages and consumers that want them. */
  #pump(nowMs: number): void {
    if (this.#pumping || this.#deleted) return;
    this.#pumping = true;
    try {
      let budget = TURN_MAX;
      while (this.#consumers !== undefined && this.#deliverNext(nowMs)) {
        budget -= 1;
        if (budget > 0) continue;
        this.#later();
        break;
      }
      if (this.#watchful) this.#watch();
    } finally {
      this.#pumping = false;
    }
  }

  /** Delivers or expires one message; false if there is nothing to do now. */
  #deliverNext(nowMs: number): boolean {
    const row = this.#ready.peek();
    if (row === NO_ROW) return false;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (this.#isExpired(page, index, nowMs)) {
      this.#expireHead();
      return true;
    }
    const consumers = this.#consumers!;
    const entry = consumers.next();
    if (entry === undefined) return false;
    const { store } = this.#context;
    if (!store.locate(row)) {
      void this.#load(row);
      return false;
    }
    this.#ready.pop();
    this.#lease(row, page, index, 0);
    consumers.served(entry);
    const { consumer } = entry;
    const redelivered = (page.flags[index]! & ROW_FLAG.redelivered) !== 0;
    consumer.deliver(this, row, store.view, redelivered);
    if (consumer.noAck) this.ack(row);
    return true;
  }

  /** Keeps to the limits, and sees that what expires does so in time. */
  #watch(): void {
    for (let count = 0; this.#isOver() && this.#ready.count > 0; count++) {
      if (count === TURN_MAX) {
        this.#later();
        return;
      }
      const row = this.#popHead();
      this.#kill(row, this.#rows.page(row), this.#rows.index(row), 'maxlen');
    }
    const nowMs = this.#context.clock.nowMs();
    for (let count = 0; this.#expireHeads(nowMs); count++) {
      if (count === TURN_MAX) {
        this.#later();
        return;
      }
    }
    this.#watchHead();
  }

  #isOver(): boolean {
    return this.readyCount > this.#lengthMax || this.#readyBytes > this.#bytesMax;
  }

  /** Expires the first message of each priority that is due; whether there was one. */
  #expireHeads(nowMs: number): boolean {
    let any = false;
    this.#ready.forEachHead((row, priority) => {
      const page = this.#rows.page(row);
      const index = this.#rows.index(row);
      if (!this.#isExpired(page, index, nowMs)) return;
      any = true;
      this.#ready.popLevel(priority);
      this.#expire(row, page, index);
    });
    return any;
  }

  /** Sets the timer for the message at the head of a priority that expires first. */
  #watchHead(): void {
    if (!this.#watchful) return;
    let firstMs = Number.POSITIVE_INFINITY;
    this.#ready.forEachHead((row) => {
      const expiresMs = this.#rows.page(row).expiresMs[this.#rows.index(row)]!;
      if (expiresMs !== 0 && expiresMs < firstMs) firstMs = expiresMs;
    });
    // A timer that is too early costs less than one that is moved with every message.
    if (firstMs >= this.#headTimerMs) return;
    const { headTimers, clock } = this.#context;
    headTimers.cancel(this.#headTimer);
    this.#headTimerMs = firstMs;
    this.#headTimer = headTimers.add(firstMs - clock.nowMs(), this.id | 0);
  }

  #isExpired(page: RowPage, index: number, nowMs: number): boolean {
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0) return false;
    return expiresMs <= (nowMs === 0 ? this.#context.clock.nowMs() : nowMs);
  }

  #expireHead(): void {
    const row = this.#ready.pop();
    this.#expire(row, this.#rows.page(row), this.#rows.index(row));
  }

  #expire(row: number, page: RowPage, index: number): void {
    this.#context.counters.expired += 1;
    this.#readyBytes -= page.bytes[index]!;
    if (page.group[index] !== 0) this.#groups!.lease(row);
    this.#kill(row, page, index, 'expired');
  }

  /** Takes the head out of the ready messages, for it to be killed. */
  #popHead(): number {
    const row = this.#ready.pop();
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#readyBytes -= page.bytes[index]!;
    if (page.group[index] !== 0) this.#groups!.lease(row);
    return row;
  }

  /** A message that is in no list dies: it is sent on or dropped. */
  #kill(row: number, page: RowPage, index: number, reason: DeathReason): void {
    if (this.definition.settings.deadLetterExchange !== undefined && !this.#deleted) {
      page.state[index] = ROW_STATE.delayed;
      this.#context.deadLetter(row, reason);
      return;
    }
    this.#context.counters.dropped += 1;
    this.#forget(row, page, index);
  }

  /** The end of every message. It is in no list, and leased as far as its group knows. */
  #forget(row: number, page: RowPage, index: number): void {
    this.#bytes -= page.bytes[index]!;
    this.#context.store.remove(row);
    let next: number = NO_ROW;
    if (page.group[index] !== 0 && !this.#deleted) {
      page.group[index] = Math.abs(page.group[index]!);
      this.#groups!.unlease(row);
      next = this.#groups!.leave(row);
    }
    this.#rows.free(row);
    if (next === NO_ROW) return;
    this.#insert(next);
    this.#pump(0);
  }

  /** The message can be delivered now, when its turn comes and that of its group. */
  #show(row: number, page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.ready;
    this.#readyBytes += page.bytes[index]!;
    if (page.group[index] === 0) {
      this.#ready.insert(row, page.priority[index]!);
      return;
    }
    const next = this.#groups!.offer(row);
    if (next !== NO_ROW) this.#insert(next);
  }

  #insert(row: number): void {
    this.#ready.insert(row, this.#rows.page(row).priority[this.#rows.index(row)]!);
  }

  /** The row has left the ready messages for a holder. */
  #lease(row: number, page: RowPage, index: number, leaseMs: number): void {
    if (page.group[index] !== 0) this.#groups!.lease(row);
    this.#setLeased(page, index);
    if (leaseMs > 0) page.timer[index] = this.#context.rowTimers.add(leaseMs, row);
  }

  #setLeased(page: RowPage, index: number): void {
    page.state[index] = ROW_STATE.leased;
    this.#leasedCount += 1;
    this.#readyBytes -= page.bytes[index]!;
    this.#context.counters.delivered += 1;
  }

  #expectLeased(row: number, page: RowPage, index: number): void {
    if (page.state[index] === ROW_STATE.leased && page.queue[index] === this.id) return;
    throw new Error(`row ${row} is not leased from queue "${this.name}"`);
  }

  #endLease(row: number, page: RowPage, index: number): void {
    this.#expectLeased(row, page, index);
    this.#leasedCount -= 1;
    if (page.timer[index] !== NO_TIMER) this.#cancelTimer(page, index);
  }

  #cancelTimer(page: RowPage, index: number): void {
    this.#context.rowTimers.cancel(page.timer[index]!);
    page.timer[index] = NO_TIMER;
  }

  #giveBack(row: number, options: RequeueOptions | undefined): void {
    const { store, counters, clock } = this.#context;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#endLease(row, page, index);
    if (this.#deleted) {
      this.#forget(row, page, index);
      return;
    }
    counters.requeued += 1;
    const delayMs = options?.delayMs ?? 0;
    const untouched = options?.untouched === true;
    if (!untouched) {
      page.attempts[index] = Math.min(page.attempts[index]! + 1, ATTEMPTS_MAX);
      page.flags[index]! |= ROW_FLAG.redelivered;
      if (page.attempts[index]! > (this.definition.settings.deliveryLimit ?? ATTEMPTS_MAX)) {
        this.#kill(row, page, index, 'delivery_limit');
        return;
      }
    }
    if (delayMs > 0 || !untouched) store.update(row, delayMs > 0 ? clock.nowMs() + delayMs : 0);
    if (delayMs > 0) {
      // The others of its group wait for it.
      page.group[index] = -page.group[index]!;
      this.#delay(row, page, index, delayMs);
      return;
    }
    if (page.group[index] !== 0) this.#groups!.unlease(row);
    this.#show(row, page, index);
  }

  #delay(row: number, page: RowPage, index: number, delayMs: number): void {
    page.state[index] = ROW_STATE.delayed;
    this.#delayedCount += 1;
    page.timer[index] = this.#context.rowTimers.add(delayMs, row);
  }

  #ttlMs(ownMs: number): number {
    const { messageTtlMs } = this.definition.settings;
    if (messageTtlMs === undefined) return ownMs;
    return ownMs < 0 ? messageTtlMs : Math.min(ownMs, messageTtlMs);
  }

  /** Whether the queue is full and its rule is to refuse. */
  #refuses(draft: MessageDraft): boolean {
    const { overflow } = this.definition.settings;
    if (overflow !== 'reject' && overflow !== 'reject-dead-letter') return false;
    if (this.readyCount < this.#lengthMax && this.#readyBytes + draft.bodyBytes <= this.#bytesMax) {
      return false;
    }
    this.#context.counters.refused += 1;
    if (overflow === 'reject-dead-letter') this.#context.deadLetterRefused(this, draft);
    return true;
  }

  #load(row: number): Promise<void> {
    this.#loading ??= this.#context.store.load(row).then(
      () => {
        this.#loading = undefined;
        this.#pump(0);
      },
      (error: unknown) => {
        this.#loading = undefined;
        this.#context.logger.error({ queue: this.name, error }, 'a message could not be read');
        throw error;
      },
    );
    return this.#loading;
  }

  async #takeLater(leaseMs: number): Promise<number | undefined> {
    await new Promise<void>((resolve) => this.#context.timers.immediate(resolve));
    return this.take(leaseMs);
  }

  #later(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#context.later(this);
  }

  #takeReady(): ReadyLevels {
    const taken = this.#ready;
    this.#ready = new ReadyLevels(this.#rows);
    this.#bytes -= this.#readyBytes;
    this.#readyBytes = 0;
    const groups = this.#groups;
    if (groups === undefined) return taken;
    const rest = new ReadyLevels(this.#rows);
    for (const row of groups.removeWaiting()) rest.insert(row, 0);
    for (let row = taken.peek(); row !== NO_ROW; row = taken.peek()) {
      taken.pop();
      groups.lease(row);
      groups.unlease(row);
      groups.leave(row);
      rest.insert(row, 0);
    }
    return rest;
  }

  #first(countMax: number): number[] {
    const rows = this.#ready.first(countMax);
    if (this.#groups === undefined) return rows;
    rows.push(...this.#groups.waiting(countMax));
    return rows.sort((a, b) => this.#seq(a) - this.#seq(b)).slice(0, countMax);
  }

  #isReady(row: number, seq: number): boolean {
    const page = this.#rows.pages[row >> 14];
    const index = this.#rows.index(row);
    return (
      page?.state[index] === ROW_STATE.ready &&
      page.seq[index] === seq &&
      page.queue[index] === this.id
    );
  }

  #seq(row: number): number {
    return this.#rows.page(row).seq[this.#rows.index(row)]!;
  }
}
