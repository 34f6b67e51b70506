/**
 * Hands the messages of one queue to its consumers, and keeps watch over its head.
 *
 * `pump` hands out messages while there is a message and a ready consumer. Whatever a consumer does meanwhile (acknowledge,
 * publish, resume) only changes the state; the loop that is running sees it. So the stack stays flat. After it, limits
 * are kept and what has expired at the head goes, if the queue has such rules.
 */
import { ConsumerRing } from './consumer-ring.ts';
import type { CoreQueue } from './core-queue.ts';
import { HeadLoader } from './head-loader.ts';
import { HeadTimer } from './head-timer.ts';
import type { MessageStore } from './message-store.ts';
import type { QueueConsumer } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import type { QueueDeaths } from './queue-deaths.ts';
import type { QueueMessages } from './queue-messages.ts';
import type { QueueRules } from './queue-rules.ts';
import { NO_ROW, ROW_FLAG, type RowTable } from './rows.ts';

/** Messages that one queue delivers or expires before others get their turn of the event loop. */
export const TURN_MAX = 1000;

export class Delivery {
  readonly #queue: CoreQueue;
  readonly #context: QueueContext;
  readonly #messages: QueueMessages;
  readonly #rules: QueueRules;
  readonly #deaths: QueueDeaths;
  readonly #store: MessageStore;
  readonly #rows: RowTable;
  readonly #headTimer: HeadTimer;
  #loader: HeadLoader | undefined;
  #consumers: ConsumerRing | undefined;
  #pumping = false;
  /** `proceed` is on its way. */
  #waiting = false;

  constructor(
    queue: CoreQueue,
    context: QueueContext,
    messages: QueueMessages,
    rules: QueueRules,
    deaths: QueueDeaths,
  ) {
    this.#queue = queue;
    this.#context = context;
    this.#messages = messages;
    this.#rules = rules;
    this.#deaths = deaths;
    this.#store = context.store;
    this.#rows = context.store.rows;
    this.#headTimer = new HeadTimer(context.clock, context.headTimers, queue.id | 0);
  }

  /** Consumers of any kind. */
  get consumers(): ConsumerRing | undefined {
    return this.#consumers;
  }

  add(consumer: QueueConsumer, priority: number, exclusive: boolean): void {
    const { singleActiveConsumer } = this.#rules.settings;
    this.#consumers ??= new ConsumerRing(singleActiveConsumer ?? false);
    this.#consumers.add(consumer, priority, exclusive);
    this.pump(0);
  }

  /** Whether it was there. */
  remove(consumer: QueueConsumer): boolean {
    const consumers = this.#consumers;
    if (consumers?.remove(consumer) !== true) return false;
    // Another one may have become the active one.
    if (!consumers.isEmpty) this.pump(0);
    else this.#consumers = undefined;
    return true;
  }

  resume(consumer: QueueConsumer): void {
    if (this.#consumers === undefined) return;
    this.#consumers.resume(consumer);
    this.pump(0);
  }

  /** The queue is deleted. Returns who consumed it. */
  stop(): QueueConsumer[] {
    this.#headTimer.stop();
    const consumers = this.#consumers?.clear() ?? [];
    this.#consumers = undefined;
    return consumers;
  }

  /** Goes on with what did not fit into one turn. */
  proceed(): void {
    this.#waiting = false;
    this.pump(0);
  }

  /** The first message of some priority may have expired. */
  headDue(): void {
    this.#headTimer.fired();
    this.pump(0);
  }

  /** Other messages are at the head now. */
  headMoved(): void {
    if (this.#rules.watchful) this.#headTimer.set(this.#messages);
  }

  /** Hands out messages while there are both, messages and consumers that want them. `nowMs` 0: now. */
  pump(nowMs: number): void {
    if (this.#pumping || this.#queue.deleted) return;
    this.#pumping = true;
    try {
      let budget = TURN_MAX;
      while (this.#consumers !== undefined && this.#deliverNext(nowMs)) {
        budget -= 1;
        if (budget > 0) continue;
        this.#later();
        break;
      }
      if (this.#rules.watchful && this.#messages.readyCount > 0) this.#watch();
    } finally {
      this.#pumping = false;
    }
  }

  /** Brings the message at the head into memory. */
  load(row: number): Promise<void> {
    this.#loader ??= new HeadLoader(this.#store, this.#messages, (lost) => {
      if (lost) this.#loseHead();
      this.pump(0);
    });
    return this.#loader.load(row);
  }

  /** Delivers or buries one message; false if there is nothing to do now. */
  #deliverNext(nowMs: number): boolean {
    const row = this.#messages.peek();
    if (row === NO_ROW) return false;
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (this.#deaths.isExpired(page, index, nowMs)) {
      this.#deaths.expireHead(row);
      return true;
    }
    const consumers = this.#consumers!;
    const entry = consumers.next();
    if (entry === undefined) return false;
    if (this.#rules.isWornOut(page, index)) {
      this.#deaths.killHead(row, 'delivery_limit');
      return true;
    }
    const store = this.#store;
    if (!store.locate(row)) {
      this.load(row).catch(() => undefined);
      return false;
    }
    const redelivered = (page.flags[index]! & ROW_FLAG.redelivered) !== 0;
    this.#messages.lease(row, page, index, entry.leaseMs, entry.counted);
    this.#context.counters.delivered += 1;
    consumers.served(entry);
    const { consumer } = entry;
    consumer.deliver(this.#queue, row, store.view, redelivered);
    if (consumer.noAck) this.#queue.ack(row);
    return true;
  }

  /** Keeps to the limits, and sees that what expires does so in time. */
  #watch(): void {
    const messages = this.#messages;
    let budget = TURN_MAX;
    const { limit } = this.#rules;
    for (; budget > 0 && limit.isOver(); budget--) {
      const row = limit.dropsLowest ? messages.lowest() : messages.peek();
      // Perhaps all that is ready waits for others of its group.
      if (row === NO_ROW) break;
      this.#deaths.killHead(row, 'maxlen');
    }
    const nowMs = this.#context.clock.nowMs();
    while (budget > 0 && this.#expireHeads(nowMs)) budget -= 1;
    if (budget === 0) this.#later();
    else this.#headTimer.set(messages);
  }

  /** Expires the first message of each priority that is due; whether there was one. */
  #expireHeads(nowMs: number): boolean {
    let any = false;
    this.#messages.forEachHead((row) => {
      if (!this.#deaths.isExpired(this.#rows.page(row), this.#rows.index(row), nowMs)) return;
      any = true;
      this.#deaths.expireHead(row);
    });
    return any;
  }

  #loseHead(): void {
    const { namespace, name } = this.#queue;
    const { counters, logger } = this.#context;
    logger.error({ namespace, queue: name }, 'a message cannot be read any more and is dropped');
    counters.lost += 1;
    const row = this.#messages.peek();
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#messages.pop(row, page, index);
    this.#deaths.forget(row, page, index);
  }

  #later(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#context.later(this.#queue);
  }
}
