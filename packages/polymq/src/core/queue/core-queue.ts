/**
 * The one kind of queue (`queue.ts` draws its states): the rules over its messages (`queue-messages.ts`). Everything
 * happens at once, without promises, but for reading messages back from disk.
 *
 *   publish ─► accept ─► store.put ─► enqueue ─► pump ─► deliver
 *
 * `#pump` hands out messages while there is a message and a ready consumer. Whatever a consumer does meanwhile (acknowledge,
 * publish, resume) only changes the state; the loop that is running sees it. So the stack stays flat. After it, limits
 * are kept and what has expired at the head goes, if the queue has such rules.
 */
import { NO_TIMER } from '../../lib/timer-wheel.ts';
import { BrokerError } from '../errors.ts';
import type { DeathReason } from '../message/history.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { ConsumerRing } from './consumer-ring.ts';
import { HeadLoader } from './head-loader.ts';
import { HeadTimer } from './head-timer.ts';
import { LengthLimit } from './length-limit.ts';
import type { MessageStore, RestoredMessage } from './message-store.ts';
import { peekMessages } from './peek-messages.ts';
import type { Queue, QueueConsumer, RequeueOptions } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import type { DeclaredValues, QueueDefinition, QueueSettings } from './queue-definition.ts';
import { QueueMessages } from './queue-messages.ts';
import { expiryMs, visibleMs } from './queue-times.ts';
import type { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_FLAG, ROW_STATE, type RowPage, type RowTable } from './rows.ts';
import { UnusedTimer } from './unused-timer.ts';

/** Messages that one queue delivers or expires before others get their turn of the event loop. */
const TURN_MAX = 1000;

export class CoreQueue implements Queue {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  definition: QueueDefinition;
  /** Whether the queue itself outlives the process. */
  readonly durable: boolean;
  /** Whether `accept` needs to know the time whatever the message is. */
  timed: boolean;
  readonly #context: QueueContext;
  readonly #store: MessageStore;
  readonly #rows: RowTable;
  readonly #messages: QueueMessages;
  #limit: LengthLimit;
  /** Whether limits or expiry are to be looked after. */
  #watchful: boolean;
  readonly #unused: UnusedTimer | undefined;
  #consumers: ConsumerRing | undefined;
  #deleted = false;
  readonly #firstTakenMs = new Map<number, number>();
  #pumping = false;
  /** `proceed` is on its way. */
  #waiting = false;
  #loader: HeadLoader | undefined;
  readonly #headTimer: HeadTimer;

  constructor(
    context: QueueContext,
    identity: { id: number; namespace: string; name: string },
    definition: QueueDefinition,
  ) {
    const { settings } = definition;
    const { store, rowTimers } = context;
    this.#context = context;
    this.#store = store;
    this.#rows = store.rows;
    this.id = identity.id;
    this.namespace = identity.namespace;
    this.name = identity.name;
    this.definition = definition;
    this.durable = definition.durable && !definition.exclusive;
    this.timed = settings.messageTtlMs !== undefined || settings.delayMs !== undefined;
    this.#messages = new QueueMessages({
      store,
      rowTimers,
      queueId: identity.id,
      durable: this.durable,
      priorityMax: settings.priorityMax ?? 0,
      groups: settings.groups ?? false,
    });
    this.#headTimer = new HeadTimer(context.clock, context.headTimers, this.id | 0);
    this.#limit = new LengthLimit(settings, this.#messages);
    this.#watchful = this.#limit.limited;
    if (settings.expiresMs !== undefined) {
      const { clock, unusedTimers } = context;
      this.#unused = new UnusedTimer(clock, unusedTimers, this.id | 0, settings.expiresMs);
    }
  }

  get readyCount(): number {
    return this.#messages.readyCount;
  }

  get leasedCount(): number {
    return this.#messages.leasedCount;
  }

  get delayedCount(): number {
    return this.#messages.delayedCount;
  }

  get bytes(): number {
    return this.#messages.bytes;
  }

  /** Of the bodies of ready messages. */
  get readyBodyBytes(): number {
    return this.#messages.readyBodyBytes;
  }

  /** Message groups that have messages. */
  get groupCount(): number {
    return this.#messages.groupCount;
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
    this.#pump(0);
  }

  removeConsumer(consumer: QueueConsumer): void {
    if (this.#consumers?.remove(consumer) !== true) return;
    if (this.#consumers.count > 0) {
      // Another one may have become the active one.
      this.#pump(0);
      return;
    }
    this.#consumers = undefined;
    if (this.definition.autoDelete) this.#context.deleteUnused(this);
    else this.touch();
  }

  resume(consumer: QueueConsumer): void {
    if (this.#consumers === undefined) return;
    this.#consumers.resume(consumer);
    this.#pump(0);
  }

  touch(): void {
    if (!this.#deleted) this.#unused?.touch();
  }

  /**
   * A row for a message that is about to be put, or `NO_ROW` if the queue is full and refuses it. `nowMs` matters only
   * if the message expires.
   */
  accept(draft: MessageDraft, nowMs: number): number {
    if (this.#watchful && this.#limit.refuses(draft)) {
      this.#refuse(draft);
      return NO_ROW;
    }
    const expiresMs = expiryMs(this.definition.settings, draft.ttlMs, nowMs);
    if (expiresMs !== 0) this.#watchful = true;
    return this.#messages.accept(draft, expiresMs);
  }

  /** Takes in a message that `accept` gave a row, and that was put. */
  enqueue(row: number, dueMs: number, nowMs: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    const messages = this.#messages;
    messages.enter(page, index);
    this.#context.counters.published += 1;
    if (this.#deleted) {
      this.#forget(row, page, index);
      return;
    }
    const fromMs = visibleMs(this.definition.settings, dueMs, nowMs);
    if (fromMs > nowMs) {
      messages.delay(row, page, index, fromMs - nowMs, false);
      return;
    }
    messages.show(row, page, index);
    // What expires in this very millisecond can still be delivered.
    this.#pump(nowMs === 0 ? 0 : nowMs - 1);
  }

  /** Takes in a message of before the restart. */
  restore(message: RestoredMessage, nowMs: number): void {
    const { settings } = this.definition;
    if (this.#messages.restore(message, settings, nowMs)) this.#watchful = true;
  }

  attempts(row: number): number {
    return this.#rows.page(row).attempts[this.#rows.index(row)]!;
  }

  firstTakenMs(row: number): number | undefined {
    return this.#firstTakenMs.get(row);
  }

  seq(row: number): number {
    return this.#messages.seq(row);
  }

  restoredLease(_seq: number): number | undefined {
    return undefined;
  }

  discard(_row: number, _seq: number): boolean {
    return false;
  }

  /** The same queue by other rules. */
  alter(settings: QueueSettings, declared: DeclaredValues): void {
    this.definition = { ...this.definition, settings, declared };
    this.timed = settings.messageTtlMs !== undefined || settings.delayMs !== undefined;
    this.#limit = new LengthLimit(settings, this.#messages);
    this.#watchful ||= this.#limit.limited;
    this.#pump(0);
  }

  take(leaseMs = 0, counted = false): number | undefined | Promise<number | undefined> {
    if (this.#deleted) return undefined;
    this.touch();
    for (let count = 0; ; count++) {
      const row = this.#messages.peek();
      if (row === NO_ROW) return undefined;
      const page = this.#rows.page(row);
      const index = this.#rows.index(row);
      if (this.#isExpired(page, index, 0)) {
        if (count === TURN_MAX) return this.#takeLater(leaseMs, counted);
        this.#expireHead(page.priority[index]!);
      } else if (this.#store.locate(row)) {
        this.#messages.lease(row, page, index, leaseMs);
        if (counted) this.#count(row, page, index, leaseMs);
        this.#context.counters.delivered += 1;
        if (this.#watchful) this.#headTimer.set(this.#messages);
        return row;
      } else {
        return this.#load(row).then(() => this.take(leaseMs, counted));
      }
    }
  }

  takeNextOfGroup(row: number, leaseMs = 0, counted = false): number | undefined {
    const next = this.#messages.peekGroup(row);
    if (next === NO_ROW || this.#deleted) return undefined;
    const page = this.#rows.page(next);
    const index = this.#rows.index(next);
    if (this.#isExpired(page, index, 0) || !this.#store.locate(next)) return undefined;
    this.#messages.leaseGroup(next, page, index, leaseMs);
    if (counted) this.#count(next, page, index, leaseMs);
    this.#context.counters.delivered += 1;
    return next;
  }

  holds(row: number, seq: number): boolean {
    return this.#messages.holds(row, seq);
  }

  ack(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#messages.endLease(row, page, index);
    this.#context.counters.acked += 1;
    this.#forget(row, page, index);
  }

  requeue(row: number, options?: RequeueOptions): void {
    this.#giveBack(row, options);
    this.#pump(0);
  }

  requeueAll(rows: readonly number[], options?: RequeueOptions): void {
    // From the newest on, each goes to the head.
    const messages = this.#messages;
    const sorted = rows.slice().sort((a, b) => messages.seq(b) - messages.seq(a));
    for (const row of sorted) this.#giveBack(row, options);
    this.#pump(0);
  }

  reject(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#messages.endLease(row, page, index);
    this.#kill(row, page, index, 'rejected');
  }

  extend(row: number, leaseMs: number): void {
    if (leaseMs <= 0) this.requeue(row);
    else this.#messages.extend(row, this.#rows.page(row), this.#rows.index(row), leaseMs);
  }

  async purge(_options?: { all?: boolean }): Promise<number> {
    const count = this.readyCount;
    this.#context.counters.purged += count;
    await this.#context.discard(this.#messages.takeReady());
    if (this.durable) await this.#store.whenCommitted(this.#store.position);
    return count;
  }

  async peek(countMax: number, visit: (view: MessageView, row: number) => void): Promise<void> {
    await peekMessages(this.#messages, this.#store, countMax, visit);
  }

  /** The group of a message, if it has one. */
  groupIdOf(row: number): string | undefined {
    return this.#messages.groupIdOf(row);
  }

  /** The timer of the row has fired: its lease is over, or it is due. */
  rowDue(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] === ROW_STATE.leased) {
      page.timer[index] = NO_TIMER;
      this.requeue(row);
      return;
    }
    this.#messages.due(row, page, index);
    this.#messages.show(row, page, index);
    this.#pump(0);
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
    this.#headTimer.fired();
    this.#pump(0);
  }

  /** The queue may not have been used for long enough to be deleted. */
  unusedDue(): void {
    if (this.#deleted || this.#unused?.due() !== true) return;
    // It starts anew when the last consumer goes.
    if (this.consumerCount === 0) this.#context.deleteUnused(this);
  }

  /** Nothing works any more. Returns the ready messages, which are not counted any more. */
  markDeleted(): ReadyLevels {
    this.#deleted = true;
    this.#headTimer.stop();
    this.#unused?.stop();
    const consumers = this.#consumers?.clear() ?? [];
    this.#consumers = undefined;
    const ready = this.#messages.takeReady();
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
      if (this.#watchful && this.#messages.readyCount > 0) this.#watch();
    } finally {
      this.#pumping = false;
    }
  }

  /** Delivers or expires one message; false if there is nothing to do now. */
  #deliverNext(nowMs: number): boolean {
    const row = this.#messages.peek();
    if (row === NO_ROW) return false;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (this.#isExpired(page, index, nowMs)) {
      this.#expireHead(page.priority[index]!);
      return true;
    }
    const consumers = this.#consumers!;
    const entry = consumers.next();
    if (entry === undefined) return false;
    const store = this.#store;
    if (!store.locate(row)) {
      this.#load(row).catch(() => undefined);
      return false;
    }
    this.#messages.lease(row, page, index, 0);
    this.#context.counters.delivered += 1;
    consumers.served(entry);
    const { consumer } = entry;
    const redelivered = (page.flags[index]! & ROW_FLAG.redelivered) !== 0;
    consumer.deliver(this, row, store.view, redelivered);
    if (consumer.noAck) this.ack(row);
    return true;
  }

  /** Keeps to the limits, and sees that what expires does so in time. */
  #watch(): void {
    const messages = this.#messages;
    let budget = TURN_MAX;
    for (; budget > 0 && this.#limit.isOver(); budget--) {
      // Perhaps all that is ready waits for others of its group.
      if (messages.peek() === NO_ROW) break;
      const row = messages.pop();
      this.#kill(row, this.#rows.page(row), this.#rows.index(row), 'maxlen');
    }
    const nowMs = this.#context.clock.nowMs();
    while (budget > 0 && this.#expireHeads(nowMs)) budget -= 1;
    if (budget === 0) this.#later();
    else this.#headTimer.set(messages);
  }

  /** Expires the first message of each priority that is due; whether there was one. */
  #expireHeads(nowMs: number): boolean {
    let any = false;
    this.#messages.forEachHead((row, priority) => {
      if (!this.#isExpired(this.#rows.page(row), this.#rows.index(row), nowMs)) return;
      any = true;
      this.#expireHead(priority);
    });
    return any;
  }

  #isExpired(page: RowPage, index: number, nowMs: number): boolean {
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0) return false;
    return expiresMs <= (nowMs === 0 ? this.#context.clock.nowMs() : nowMs);
  }

  #expireHead(priority: number): void {
    this.#context.counters.expired += 1;
    const row = this.#messages.popHead(priority);
    this.#kill(row, this.#rows.page(row), this.#rows.index(row), 'expired');
  }

  /** A message in limbo dies: it is sent on or dropped. */
  #kill(row: number, page: RowPage, index: number, reason: DeathReason): void {
    if (this.definition.settings.deadLetterExchange !== undefined && !this.#deleted) {
      this.#context.deadLetter(row, reason);
      return;
    }
    this.#context.counters.dropped += 1;
    this.#forget(row, page, index);
  }

  #forget(row: number, page: RowPage, index: number): void {
    if (this.#messages.forget(row, page, index)) this.#pump(0);
  }

  #giveBack(row: number, options: RequeueOptions | undefined): void {
    const { counters, clock } = this.#context;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    const messages = this.#messages;
    messages.endLease(row, page, index);
    if (this.#deleted) {
      this.#forget(row, page, index);
      return;
    }
    counters.requeued += 1;
    const delayMs = options?.delayMs ?? 0;
    const untouched = options?.untouched === true;
    if (!untouched && (page.flags[index]! & ROW_FLAG.counted) === 0) {
      const attempts = messages.countAttempt(page, index);
      if (attempts > (this.definition.settings.deliveryLimit ?? Number.POSITIVE_INFINITY)) {
        this.#kill(row, page, index, 'delivery_limit');
        return;
      }
    }
    if (delayMs > 0 || !untouched) {
      this.#store.update(row, delayMs > 0 ? clock.nowMs() + delayMs : 0);
    }
    if (delayMs > 0) messages.delay(row, page, index, delayMs, true);
    else messages.show(row, page, index);
  }

  #count(row: number, page: RowPage, index: number, leaseMs: number): void {
    this.#messages.countAttempt(page, index);
    const nowMs = this.#context.clock.nowMs();
    if (!this.#firstTakenMs.has(row)) this.#firstTakenMs.set(row, nowMs);
    page.flags[index]! |= ROW_FLAG.counted;
    this.#store.update(row, nowMs + leaseMs);
  }

  #refuse(draft: MessageDraft): void {
    this.#context.counters.refused += 1;
    const { overflow } = this.definition.settings;
    if (overflow === 'reject-dead-letter') this.#context.deadLetterRefused(this, draft);
  }

  /** Brings the message at the head into memory. */
  #load(row: number): Promise<void> {
    this.#loader ??= new HeadLoader(this.#store, this.#messages, (lost) => {
      if (lost) this.#loseHead();
      this.#pump(0);
    });
    return this.#loader.load(row);
  }

  #loseHead(): void {
    const { namespace, name } = this;
    const { counters, logger } = this.#context;
    logger.error({ namespace, queue: name }, 'a message cannot be read any more and is dropped');
    counters.lost += 1;
    this.forgetDead(this.#messages.pop());
  }

  async #takeLater(leaseMs: number, counted: boolean): Promise<number | undefined> {
    await new Promise<void>((resolve) => this.#context.timers.immediate(resolve));
    return this.take(leaseMs, counted);
  }

  #later(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#context.later(this);
  }
}
