/**
 * The one kind of queue (`queue.ts` draws its states). Everything happens at once, without promises, but for reading
 * messages back from disk.
 *
 *   publish ─► accept ─► store.put ─► enqueue ─► pump ─► deliver
 *
 * It is put together from parts that share its messages (`queue-messages.ts`): `delivery.ts` hands them to consumers,
 * `leases.ts` takes the answers, `queue-deaths.ts` buries them, all by `queue-rules.ts`.
 */
import { BrokerError } from '../errors.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import { CountedLeases } from './counted-leases.ts';
import { Delivery } from './delivery.ts';
import { Leases } from './leases.ts';
import type { MessageStore, RestoredMessage } from './message-store.ts';
import { peekMessages } from './peek-messages.ts';
import type { Counted, Queue, QueueConsumer, RequeueOptions } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import { QueueDeaths } from './queue-deaths.ts';
import type { DeclaredValues, QueueDefinition, QueueSettings } from './queue-definition.ts';
import { QueueMessages } from './queue-messages.ts';
import { QueueRules } from './queue-rules.ts';
import { expiryMs, visibleMs } from './queue-times.ts';
import type { ReadyLevels } from './ready-levels.ts';
import { NO_ROW, ROW_STATE, type RowPage, type RowTable } from './rows.ts';
import { UnusedTimer } from './unused-timer.ts';

export class CoreQueue implements Queue {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  /** Whether the queue itself outlives the process. */
  readonly durable: boolean;
  readonly #context: QueueContext;
  readonly #store: MessageStore;
  readonly #rows: RowTable;
  readonly #messages: QueueMessages;
  readonly #rules: QueueRules;
  readonly #deaths: QueueDeaths;
  readonly #delivery: Delivery;
  readonly #leases: Leases;
  #definition: QueueDefinition;
  #unused: UnusedTimer | undefined;
  #deleted = false;
  /** The work that changes of the time to live have left; one after the other. */
  #settingTtl: Promise<void> | undefined;

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
    this.#definition = definition;
    this.durable = definition.durable && !definition.exclusive;
    this.#messages = new QueueMessages({
      store,
      rowTimers,
      counted: new CountedLeases(context),
      queueId: identity.id,
      durable: this.durable,
      priorityMax: settings.priorityMax ?? 0,
      groups: settings.groups ?? false,
    });
    this.#rules = new QueueRules(settings, this.#messages, (name) =>
      context.isThere(this.namespace, name),
    );
    this.#deaths = new QueueDeaths(this, context, this.#messages, this.#rules);
    this.#delivery = new Delivery(this, context, this.#messages, this.#rules, this.#deaths);
    this.#leases = new Leases(
      this,
      context,
      this.#messages,
      this.#rules,
      this.#deaths,
      this.#delivery,
    );
    this.#startUnusedTimer();
  }

  get definition(): QueueDefinition {
    return this.#definition;
  }

  /** Whether `accept` needs to know the time whatever the message is. */
  get timed(): boolean {
    return this.#rules.timed;
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
    return this.#delivery.consumers?.count ?? 0;
  }

  /** The one that gets all messages, where only one may. */
  get activeConsumer(): QueueConsumer | undefined {
    return this.#delivery.consumers?.active;
  }

  get deleted(): boolean {
    return this.#deleted;
  }

  addConsumer(
    consumer: QueueConsumer,
    options: { priority?: number; exclusive?: boolean } = {},
  ): void {
    if (this.#deleted) throw new BrokerError('unknown-queue', `queue "${this.name}" is deleted`);
    if (consumer.passing === true) this.touch();
    this.#delivery.add(consumer, options.priority ?? 0, options.exclusive ?? false);
  }

  removeConsumer(consumer: QueueConsumer): void {
    if (!this.#delivery.remove(consumer) || this.consumerCount > 0) return;
    if (this.#definition.autoDelete && consumer.passing !== true) this.#context.deleteUnused(this);
    else this.touch();
  }

  resume(consumer: QueueConsumer): void {
    this.#delivery.resume(consumer);
  }

  touch(): void {
    if (!this.#deleted) this.#unused?.touch();
  }

  /**
   * A row for a message that is about to be put, or `NO_ROW` if the queue is full and refuses it. `nowMs` matters only
   * if the message expires.
   */
  accept(draft: MessageDraft, nowMs: number): number {
    const rules = this.#rules;
    if (rules.refuses(draft)) {
      this.#deaths.refuse(draft);
      return NO_ROW;
    }
    const expiresMs = expiryMs(rules.settings, draft.ttlMs, nowMs);
    if (expiresMs !== 0) rules.watchful = true;
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
      this.#deaths.forget(row, page, index);
      return;
    }
    const fromMs = visibleMs(this.#rules.settings, dueMs, nowMs);
    if (fromMs > nowMs) {
      messages.delay(row, page, index, fromMs - nowMs, false);
      return;
    }
    messages.show(row, page, index);
    // What expires in this very millisecond can still be delivered.
    this.#delivery.pump(nowMs === 0 ? 0 : nowMs - 1);
  }

  /** Takes in a message of before the restart. */
  restore(message: RestoredMessage, nowMs: number): void {
    const rules = this.#rules;
    if (this.#messages.restore(message, rules.settings, nowMs)) rules.watchful = true;
  }

  /** All messages of before the restart were taken in. */
  restored(): void {
    this.#messages.restored();
  }

  take(leaseMs = 0, counted: Counted = false): number | undefined | Promise<number | undefined> {
    return this.#leases.take(leaseMs, counted);
  }

  takeNextOfGroup(row: number, leaseMs = 0, counted: Counted = false): number | undefined {
    return this.#leases.takeNextOfGroup(row, leaseMs, counted);
  }

  begin(row: number): void {
    this.#leases.begin(row);
  }

  handAhead(row: number): boolean {
    return this.#leases.handAhead(row);
  }

  attempts(row: number): number {
    return this.#rows.page(row).attempts[this.#rows.index(row)]!;
  }

  firstTakenMs(row: number): number | undefined {
    return this.#messages.counted.firstTakenMs(row);
  }

  seq(row: number): number {
    return this.#messages.seq(row);
  }

  groupIdOf(row: number): string | undefined {
    return this.#messages.groupIdOf(row);
  }

  contains(row: number, seq: number): boolean {
    return this.#messages.isHere(row, seq);
  }

  holds(row: number, seq: number): boolean {
    return this.#messages.holds(row, seq);
  }

  restoredLease(seq: number): number | undefined {
    const row = this.#messages.counted.restored(seq);
    return row !== undefined && this.#messages.isHere(row, seq) ? row : undefined;
  }

  async findRestored(seq: number, enqueuedMs: number): Promise<number | undefined> {
    if (seq >= this.#messages.restoredEnd) return undefined;
    let found: number | undefined;
    await this.#context.forEachRow(this, (row, page, index) => {
      // Times are rounded when they are stored.
      if (page.seq[index] === seq && page.enqueuedMs[index]! <= enqueuedMs + 1) found = row;
    });
    return found !== undefined && this.#messages.isHere(found, seq) ? found : undefined;
  }

  ack(row: number): void {
    this.#leases.ack(row);
  }

  requeue(row: number, options?: RequeueOptions): void {
    this.#leases.requeue(row, options);
  }

  requeueAll(rows: readonly number[], options?: RequeueOptions): void {
    this.#leases.requeueAll(rows, options);
  }

  reject(row: number): void {
    this.#leases.reject(row);
  }

  extend(row: number, leaseMs: number): void {
    this.#leases.extend(row, leaseMs);
  }

  discard(row: number, seq: number): boolean {
    if (this.#deleted || !this.#messages.isDiscardable(row, seq)) return false;
    this.#context.counters.acked += 1;
    this.#discard(row, this.#rows.page(row), this.#rows.index(row));
    return true;
  }

  async purge({ all = false }: { all?: boolean } = {}): Promise<number> {
    const messages = this.#messages;
    const { counters } = this.#context;
    const nextSeq = messages.nextSeq;
    let count = messages.readyCount;
    counters.purged += count;
    await this.#context.discard(messages.takeReady());
    if (all && messages.leasedCount + messages.delayedCount > 0) {
      await this.#context.forEachRow(this, (row, page, index) => {
        // What came after the call stays.
        if (page.seq[index]! >= nextSeq || !this.#purgeRow(row, page, index)) return;
        count += 1;
        counters.purged += 1;
      });
    }
    if (this.durable) await this.#store.whenCommitted(this.#store.position);
    return count;
  }

  async peek(countMax: number, visit: (view: MessageView, row: number) => void): Promise<void> {
    await peekMessages(this.#messages, this.#store, countMax, visit);
  }

  /** The same queue by other rules. */
  alter(settings: QueueSettings, declared: DeclaredValues): void {
    if (this.#deleted) return;
    const before = this.#definition.settings;
    this.#definition = { ...this.#definition, settings, declared };
    this.#rules.change(settings);
    if (settings.expiresMs !== before.expiresMs) this.#startUnusedTimer();
    else this.touch();
    if (settings.messageTtlMs !== before.messageTtlMs) {
      const settingTtl = this.#settingTtl ?? Promise.resolve();
      this.#settingTtl = settingTtl.then(() => this.#setTtl(settings, before.messageTtlMs));
    }
    this.pump();
  }

  /** The timer of the row has fired: its lease is over, or it is due. */
  rowDue(row: number): void {
    this.#leases.rowDue(row);
  }

  /** A dead letter was sent on, or nobody wanted it. */
  forgetDead(row: number): void {
    this.#deaths.forget(row, this.#rows.page(row), this.#rows.index(row));
  }

  /** Hands out what there is, now. */
  pump(): void {
    this.#delivery.pump(0);
  }

  /** Goes on with what did not fit into one turn. */
  proceed(): void {
    this.#delivery.proceed();
  }

  /** The first message of some priority may have expired. */
  headDue(): void {
    this.#delivery.headDue();
  }

  /** The queue may not have been used for long enough to be deleted. */
  unusedDue(): void {
    if (this.#deleted || this.#unused?.due() !== true) return;
    // It starts anew when the last consumer goes.
    if (this.#delivery.consumers === undefined) this.#context.deleteUnused(this);
  }

  /** Nothing works any more. Returns the ready messages, which are not counted any more. */
  markDeleted(): ReadyLevels {
    this.#deleted = true;
    this.#unused?.stop();
    const consumers = this.#delivery.stop();
    const ready = this.#messages.takeReady();
    for (const consumer of consumers) consumer.onCancelled();
    return ready;
  }

  #startUnusedTimer(): void {
    this.#unused?.stop();
    this.#unused = undefined;
    const { expiresMs } = this.#rules.settings;
    if (expiresMs === undefined) return;
    const { clock, unusedTimers } = this.#context;
    this.#unused = new UnusedTimer(clock, unusedTimers, this.id | 0, expiresMs);
  }

  /** Whether there was something to remove. */
  #purgeRow(row: number, page: RowPage, index: number): boolean {
    const seq = page.seq[index]!;
    if (page.state[index] === ROW_STATE.leased) {
      if (this.#messages.revoke(row, page, index)) this.pump();
      return true;
    }
    if (!this.#messages.isDiscardable(row, seq)) return false;
    this.#discard(row, page, index);
    return true;
  }

  #discard(row: number, page: RowPage, index: number): void {
    if (this.#messages.discard(row, page, index)) this.pump();
  }

  async #setTtl(settings: QueueSettings, ttlMs: number | undefined): Promise<void> {
    const nextSeq = this.#messages.nextSeq;
    await this.#context.forEachRow(this, (row, page, index) => {
      if (page.seq[index]! >= nextSeq || page.state[index] === ROW_STATE.gone) return;
      this.#messages.setTtl(row, settings, ttlMs, this.#context.clock.nowMs());
    });
    this.#messages.ttlChanged();
    this.pump();
  }
}
