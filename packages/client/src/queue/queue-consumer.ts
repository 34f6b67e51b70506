/**
 * Hands the messages of a queue to a handler: return acknowledges, throw retries.
 *
 *   driver ─ deliver ─► held + work list ─ pump ─► decode ─► handler ─► ack | retry | dead letter
 *                            │ leases are kept alive           │ at most `concurrency`
 *                            └────────────── at most concurrency + prefetch ──────────────┘
 *
 * A message is in `held` from its delivery until its handler has ended and it is settled. Nothing on the way of a
 * message that goes well waits for a promise unless the handler, an interceptor or a contract gives one.
 */
import type { DeliverySink, QueueSubscription } from '../driver/driver.ts';
import type { PolymqError } from '../errors.ts';
import { receiveChannel } from '../lib/diagnostics.ts';
import { through } from '../lib/maybe.ts';
import { KeyedWork, PlainWork, type WorkList } from '../lib/work-list.ts';
import type { Message } from '../message/message.ts';
import { MessageReader } from '../message/message-reader.ts';
import type { Delivery } from '../message/wire-message.ts';
import { Acks } from './acks.ts';
import { BaseConsumer } from './base-consumer.ts';
import type { Declaration } from './declaration.ts';
import { type Handling, handlingOf } from './handling.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { GIVE_BACK } from './message-iterator.ts';
import { PrefetchGrowth } from './prefetch-growth.ts';
import type { ConsumeOptions } from './queue.ts';
import { QueueMessage } from './queue-message.ts';
import type { QueuePlan } from './queue-plan.ts';
import type { Settling } from './settling.ts';

/** So that what cannot be put anywhere does not go round and round. */
const GIVE_BACK_MS_MIN = 1_000;

export class QueueConsumer extends BaseConsumer implements DeliverySink {
  readonly #plan: QueuePlan;
  readonly #declaration: Declaration;
  readonly #settling: Settling;
  readonly #reader: MessageReader;
  readonly #handle: Handling;
  readonly #held = new Map<Delivery, QueueMessage>();
  readonly #work: WorkList<QueueMessage>;
  /** They wait here for their next attempt. */
  readonly #parked = new Set<QueueMessage>();
  readonly #leases: LeaseKeeper;
  readonly #acks: Acks;
  /** The end of the round that was begun last. */
  #watched: Promise<void> | undefined = undefined;
  /** Undefined: the caller has said how much is held. */
  readonly #growth: PrefetchGrowth | undefined;
  #subscription: QueueSubscription | undefined = undefined;
  /** Pausing and going on, one after the other. */
  #following: Promise<void> = Promise.resolve();
  /** Closed; what comes nevertheless goes back. */
  #isOver = false;

  constructor(
    parts: { settling: Settling; declaration: Declaration },
    handler: (message: Message) => unknown,
    options: ConsumeOptions,
  ) {
    const { plan } = parts.settling;
    super(plan.context, plan.label, options);
    this.#plan = plan;
    this.#settling = parts.settling;
    this.#declaration = parts.declaration;
    this.#reader = new MessageReader(plan.place, plan.contracts, plan.interceptors);
    const onError = (error: unknown): void => this.report(error);
    this.#handle = handlingOf(parts.settling, handler, onError);
    const ordersHere = plan.spec.fifo && plan.queues.keyOrder === 'client';
    this.#work = ordersHere ? new KeyedWork() : new PlainWork();
    const onLost = (message: QueueMessage): void => this.#dropLost([message]);
    const onOld = (message: QueueMessage): void => this.watch(this.#giveBackWaiting([message]));
    const { settling } = parts;
    this.#leases = new LeaseKeeper({ settling, held: this.#held, onLost, onOld, onError });
    this.#acks = new Acks(parts.settling);
    const { prefetchGrows = false } = plan.queues;
    this.#growth = options.prefetch === undefined ? new PrefetchGrowth(prefetchGrows) : undefined;
    this.begin(options.signal);
  }

  // ── What the driver tells ───────────────────────────────────────────────────────────────────

  get free(): number {
    return this.paused || this.isClosing ? 0 : this.concurrency - this.running;
  }

  deliver(deliveries: readonly Delivery[]): void {
    const nowMs = this.#plan.context.clock.nowMs();
    if (this.#growth !== undefined) this.#adapt(this.#growth, deliveries.length, nowMs);
    for (const delivery of deliveries) {
      const message = new QueueMessage(delivery, this.#settling, nowMs);
      message.kept = true;
      this.#held.set(delivery, message);
      this.#work.push(message);
    }
    if (this.#isOver) {
      void this.giveBackWaiting();
      return;
    }
    // It was on its way.
    if (this.paused) this.pauseChanged();
    this.#leases.arm();
    this.pump();
  }

  lost(deliveries: readonly Delivery[]): void {
    const messages: QueueMessage[] = [];
    for (const delivery of deliveries) {
      const message = this.#held.get(delivery);
      if (message === undefined) continue;
      this.#settling.lose(message, 'the engine has taken it back');
      messages.push(message);
    }
    this.#dropLost(messages);
  }

  isUntouched(delivery: Delivery): boolean {
    const message = this.#held.get(delivery);
    return message !== undefined && !message.started && message.localAttempts === 0;
  }

  ended(error: PolymqError): void {
    this.#subscription = undefined;
    this.lost([...this.#held.keys()]);
    this.#leases.stop();
    this.fail(error);
  }

  // ── From the list to the handler and out ────────────────────────────────────────────────────

  protected override startNext(): boolean {
    const message = this.#work.next();
    if (message === undefined) return false;
    message.started = true;
    if (this.#settling.isPoison(message)) {
      void this.#settle(message, this.#settling.giveUp(message));
      return true;
    }
    const beginning = this.#plan.queues.begin?.(message.delivery);
    if (beginning === undefined) through(message, this.#read, this.#run, this.#unreadable);
    else void this.#begin(message, beginning);
    return true;
  }

  /** Before its handler starts, the engine knows of it. */
  async #begin(message: QueueMessage, beginning: Promise<void>): Promise<void> {
    try {
      await beginning;
    } catch (error) {
      this.#settling.refused(message, error);
      this.report(error);
      await this.#giveBack(message);
      this.#finish(message);
      return;
    }
    if (message.state === 'open') through(message, this.#read, this.#run, this.#unreadable);
    else this.#finish(message);
  }

  readonly #read = (message: QueueMessage): unknown => this.#reader.read(message);

  readonly #run = (message: QueueMessage): void => {
    if (receiveChannel.hasSubscribers) {
      receiveChannel.publish({ place: this.#plan.place, message });
    }
    through(message, this.#handle, this.#succeeded, this.#failed);
  };

  /** The handler is free at once; what becomes of the acknowledgement is only watched. */
  readonly #succeeded = (message: QueueMessage): void => {
    if (message.state === 'open') {
      const acked = this.#acks.add(message);
      if (acked !== undefined && acked !== this.#watched) this.watch(acked);
      this.#watched = acked;
    } else if (message.state === 'lost') {
      this.report(this.#settling.lost(message));
    }
    this.#finish(message);
  };

  /** The handler stays taken until the engine has the message, so that failing messages cannot pile up. */
  readonly #failed = (message: QueueMessage, error: unknown): void => {
    if (message.state === 'lost') {
      this.report(this.#settling.lost(message));
      this.#finish(message);
    } else if (message.state !== 'open') {
      if (message.state !== 'waiting') this.report(error);
      this.#finish(message);
    } else if (error === GIVE_BACK) {
      void this.#settle(message, this.#settling.release(message));
    } else {
      void this.#settle(message, this.#settling.fail(message, error));
    }
  };

  readonly #unreadable = (message: QueueMessage, error: unknown): void => {
    this.report(error);
    void this.#settle(message, this.#settling.reject(message, error));
  };

  async #settle(message: QueueMessage, settling: Promise<void>): Promise<void> {
    try {
      await settling;
    } catch (error) {
      this.report(error);
      await this.#giveBack(message);
    }
    this.#finish(message);
  }

  /** It could not be put where it belongs: nobody shall have to wait for the end of its lease. */
  async #giveBack(message: QueueMessage): Promise<void> {
    if (message.state !== 'open') return;
    const waitMs = this.#plan.retry.delayMs(message.retryCount + 1, undefined);
    try {
      await this.#settling.release(message, Math.max(GIVE_BACK_MS_MIN, waitMs));
    } catch (error) {
      this.report(error);
    }
  }

  #finish(message: QueueMessage): void {
    if (message.state === 'waiting') this.#later(message);
    else {
      this.#held.delete(message.delivery);
      this.#work.done(message);
    }
    this.workDone();
  }

  /** The next attempt is made with the message as it is held here; nothing of its key comes before that. */
  #later(message: QueueMessage): void {
    message.started = false;
    this.#parked.add(message);
    this.#plan.context.clock.after(message.retryAfterMs, () => {
      if (!this.#parked.delete(message) || message.state !== 'waiting') return;
      message.state = 'open';
      this.#work.again(message);
      this.pump();
    });
  }

  /** Those that no handler has are forgotten; a handler that has one is told by its signal. */
  #dropLost(messages: readonly QueueMessage[]): void {
    const waiting = new Set(messages.filter(({ started }) => !started));
    if (waiting.size === 0) return;
    for (const message of waiting) {
      this.#held.delete(message.delivery);
      if (this.#parked.delete(message)) this.#work.done(message);
    }
    this.#work.prune((message) => waiting.has(message));
    this.pump();
  }

  // ── Its life ────────────────────────────────────────────────────────────────────────────────

  protected override async open(): Promise<void> {
    await this.#declaration.ready();
    if (this.isClosing) return;
    const { queues, name, leaseMs } = this.#plan;
    const options = { prefetch: this.credit, leaseMs };
    const subscription = await queues.subscribeQueue(name, options, this);
    this.#subscription = subscription;
    if (this.#isOver) await subscription.close();
    else if (this.paused) this.pauseChanged();
  }

  protected override pauseChanged(): void {
    const following = this.#following.then(() => this.#followPause());
    this.#following = following.catch(() => undefined);
    this.watch(following);
  }

  /** Who pauses holds nothing that others could work on. */
  async #followPause(): Promise<void> {
    const subscription = this.#subscription;
    if (this.isClosing) return;
    if (!this.paused) {
      if (subscription === undefined) this.reopen();
      else this.creditChanged();
      return;
    }
    if (subscription === undefined) return;
    if (subscription.canPause === true) subscription.setPrefetch(0);
    else {
      this.#subscription = undefined;
      await subscription.close();
    }
    // What waits for its next attempt here has its count here, too.
    const isUntouched = ({ started, state }: QueueMessage): boolean => !started && state === 'open';
    await this.#giveBackWaiting([...this.#held.values()].filter(isUntouched));
  }

  protected override get credit(): number {
    return this.concurrency + (this.#growth?.grown(this.prefetch) ?? this.prefetch);
  }

  #adapt(growth: PrefetchGrowth, arrived: number, nowMs: number): void {
    const first = this.#work.first();
    const changed =
      first !== undefined
        ? growth.busy(nowMs - first.arrivedMs, nowMs)
        : this.running < this.concurrency && growth.idle(arrived, this.credit, nowMs);
    if (changed) this.creditChanged();
  }

  protected override creditChanged(): void {
    if (!this.paused) this.#subscription?.setPrefetch(this.credit);
  }

  protected override async stopFetching(): Promise<void> {
    await this.#following;
    await this.#subscription?.close();
  }

  protected override giveBackWaiting(): Promise<void> {
    return this.#giveBackWaiting([...this.#held.values()].filter(({ started }) => !started));
  }

  /** These wait for a handler, or for their next attempt. */
  async #giveBackWaiting(messages: readonly QueueMessage[]): Promise<void> {
    const gone = new Set(messages);
    if (gone.size === 0) return;
    for (const message of gone) {
      if (this.#parked.delete(message)) this.#work.done(message);
    }
    this.#work.prune((message) => gone.has(message));
    await this.#giveBackAll(messages);
  }

  protected override async giveBackRunning(reason: PolymqError): Promise<void> {
    for (const message of this.#held.values()) message.abort(reason);
    await this.#giveBackAll([...this.#held.values()]);
  }

  protected override async finished(): Promise<void> {
    this.#isOver = true;
    this.#leases.stop();
  }

  async #giveBackAll(messages: readonly QueueMessage[]): Promise<void> {
    await Promise.all(
      messages.map(async (message) => {
        this.#held.delete(message.delivery);
        try {
          await this.#settling.release(message);
        } catch (error) {
          this.report(error);
        }
      }),
    );
  }
}
