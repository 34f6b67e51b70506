/**
 * Who has which messages of one queue: taking them, and every answer.
 *
 *   ready ──► leased ──┬─ ack, reject ──────────────────────► gone, dead letter
 *     ▲                ├─ requeue, lease over ─► too often? ─► dead letter
 *     └────────────────┴──────────────────────── no
 *
 * The message of a leased row may be purged. A row whose lease is counted or has an end is freed then, and its holder
 * asks `holds` before he answers; any other stays, `gone`, until the answer, which has no other effect.
 */
import { NO_TIMER } from '../../lib/timer-wheel.ts';
import type { CoreQueue } from './core-queue.ts';
import { type Delivery, TURN_MAX } from './delivery.ts';
import type { MessageStore } from './message-store.ts';
import type { Counted, RequeueOptions } from './queue.ts';
import type { QueueContext } from './queue-context.ts';
import type { QueueDeaths } from './queue-deaths.ts';
import type { QueueMessages } from './queue-messages.ts';
import type { QueueRules } from './queue-rules.ts';
import { NO_ROW, ROW_STATE, type RowPage, type RowTable } from './rows.ts';

export class Leases {
  readonly #queue: CoreQueue;
  readonly #context: QueueContext;
  readonly #messages: QueueMessages;
  readonly #rules: QueueRules;
  readonly #deaths: QueueDeaths;
  readonly #delivery: Delivery;
  readonly #store: MessageStore;
  readonly #rows: RowTable;

  constructor(
    queue: CoreQueue,
    context: QueueContext,
    messages: QueueMessages,
    rules: QueueRules,
    deaths: QueueDeaths,
    delivery: Delivery,
  ) {
    this.#queue = queue;
    this.#context = context;
    this.#messages = messages;
    this.#rules = rules;
    this.#deaths = deaths;
    this.#delivery = delivery;
    this.#store = context.store;
    this.#rows = context.store.rows;
  }

  take(leaseMs: number, counted: Counted): number | undefined | Promise<number | undefined> {
    if (this.#queue.deleted) return undefined;
    this.#queue.touch();
    for (let count = 0; ; count++) {
      const row = this.#messages.peek();
      if (row === NO_ROW) return undefined;
      const page = this.#rows.page(row);
      const index = this.#rows.index(row);
      if (this.#isToDie(page, index)) {
        if (count === TURN_MAX) return this.#takeLater(leaseMs, counted);
        this.#bury(row, page, index);
      } else if (this.#store.locate(row)) {
        this.#messages.lease(row, page, index, leaseMs, counted);
        this.#context.counters.delivered += 1;
        this.#delivery.headMoved();
        return row;
      } else {
        return this.#delivery.load(row).then(() => this.take(leaseMs, counted));
      }
    }
  }

  takeNextOfGroup(row: number, leaseMs: number, counted: Counted): number | undefined {
    const messages = this.#messages;
    for (let count = 0; count < TURN_MAX && !this.#queue.deleted; count++) {
      const next = messages.peekGroup(row);
      if (next === NO_ROW) return undefined;
      const page = this.#rows.page(next);
      const index = this.#rows.index(next);
      if (this.#isToDie(page, index)) {
        messages.popGroup(next, page, index);
        this.#kill(next, page, index);
        continue;
      }
      if (!this.#store.locate(next)) return undefined;
      messages.leaseGroup(next, page, index, leaseMs, counted);
      this.#context.counters.delivered += 1;
      return next;
    }
    return undefined;
  }

  ack(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] === ROW_STATE.gone) {
      this.#messages.letGo(row, page, index);
      return;
    }
    this.#messages.endLease(row, page, index);
    this.#context.counters.acked += 1;
    this.#deaths.forget(row, page, index);
  }

  requeue(row: number, options?: RequeueOptions): void {
    this.#giveBack(row, options);
    this.#delivery.pump(0);
  }

  requeueAll(rows: readonly number[], options?: RequeueOptions): void {
    // From the newest on, each goes to the head.
    const messages = this.#messages;
    const sorted = rows.slice().sort((a, b) => messages.seq(b) - messages.seq(a));
    for (const row of sorted) this.#giveBack(row, options);
    this.#delivery.pump(0);
  }

  reject(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] === ROW_STATE.gone) {
      this.#messages.letGo(row, page, index);
      return;
    }
    this.#messages.endLease(row, page, index);
    this.#deaths.kill(row, page, index, 'rejected');
  }

  extend(row: number, leaseMs: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (leaseMs <= 0) this.requeue(row);
    else if (page.state[index] !== ROW_STATE.gone) {
      this.#messages.extend(row, page, index, leaseMs);
    }
  }

  begin(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] !== ROW_STATE.leased) return;
    this.#messages.counted.beginLocal(row, page, index);
  }

  handAhead(row: number): boolean {
    const page = this.#rows.page(row);
    return this.#messages.counted.handAhead(row, page, this.#rows.index(row));
  }

  /** The timer of the row has fired: its lease is over, or it is due. */
  rowDue(row: number): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] === ROW_STATE.leased) this.#leaseOver(row, page, index);
    else {
      this.#messages.due(row, page, index);
      this.#messages.show(row, page, index);
    }
    this.#delivery.pump(0);
  }

  /** It need not be written that a counted lease is over: its end was. */
  #leaseOver(row: number, page: RowPage, index: number): void {
    page.timer[index] = NO_TIMER;
    const counted = this.#messages.endLease(row, page, index);
    if (counted && !this.#queue.deleted) {
      this.#context.counters.requeued += 1;
      if (this.#rules.cameBackTooOften(page, index)) {
        this.#deaths.kill(row, page, index, 'delivery_limit');
      } else this.#messages.show(row, page, index);
      return;
    }
    this.#comeBack(row, page, index, { written: counted, counted }, undefined);
  }

  #giveBack(row: number, options: RequeueOptions | undefined): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    if (page.state[index] === ROW_STATE.gone) this.#messages.letGo(row, page, index);
    else {
      const ahead = this.#messages.counted.isAhead(page, index);
      const counted = this.#messages.endLease(row, page, index);
      this.#comeBack(row, page, index, { written: counted || ahead, counted }, options);
    }
  }

  #comeBack(
    row: number,
    page: RowPage,
    index: number,
    /** Whether the journal knows of its lease, and whether that was an attempt already. */
    { written, counted }: { written: boolean; counted: boolean },
    options: RequeueOptions | undefined,
  ): void {
    const { counters, clock } = this.#context;
    const messages = this.#messages;
    if (this.#queue.deleted) {
      this.#deaths.forget(row, page, index);
      return;
    }
    counters.requeued += 1;
    const delayMs = options?.delayMs ?? 0;
    const untouched = options?.untouched === true;
    if (untouched && counted) messages.counted.takeBack(row, page, index);
    if (!untouched) {
      if (!counted) messages.countAttempt(page, index);
      if (this.#rules.cameBackTooOften(page, index)) {
        this.#deaths.kill(row, page, index, 'delivery_limit');
        return;
      }
    }
    if (delayMs > 0 || written || !untouched) {
      this.#store.update(row, delayMs > 0 ? clock.nowMs() + delayMs : 0);
    }
    if (delayMs > 0) messages.delay(row, page, index, delayMs, true);
    else messages.show(row, page, index);
  }

  #isToDie(page: RowPage, index: number): boolean {
    return this.#rules.isWornOut(page, index) || this.#deaths.isExpired(page, index, 0);
  }

  /** The message at the head has expired, or was handed out too often. */
  #bury(row: number, page: RowPage, index: number): void {
    this.#messages.pop(row, page, index);
    this.#kill(row, page, index);
  }

  #kill(row: number, page: RowPage, index: number): void {
    const expired = this.#deaths.isExpired(page, index, 0);
    if (expired) this.#context.counters.expired += 1;
    this.#deaths.kill(row, page, index, expired ? 'expired' : 'delivery_limit');
  }

  async #takeLater(leaseMs: number, counted: Counted): Promise<number | undefined> {
    await new Promise<void>((resolve) => this.#context.timers.immediate(resolve));
    return this.take(leaseMs, counted);
  }
}
