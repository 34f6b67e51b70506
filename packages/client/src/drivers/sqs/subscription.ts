/**
 * Deliveries as they come: long polls while there is credit.
 *
 *   credit = prefetch − deliveries that are unsettled − messages that polls under way have asked for
 *
 * One poll waits all the time. Each that comes back full allows one more beside it (up to POLLS_MAX), each empty one takes one away, so a busy
 * queue is read by several and an idle one costs a single request per 20 s. A poll is worth its request if it can bring several messages: with
 * less credit than half the prefetch it waits a moment for more.
 *
 * Invariants: unsettled + asked ≤ prefetch (after it was lowered: as soon as enough is settled); after `close` nothing is delivered, and what
 * polls still bring goes back with visibility 0 (`polls.ts`).
 */
import type { DeliverySink, QueueSubscription } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { type ClockTimer, sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import type { DeliveryOwner, SqsDelivery } from './delivery.ts';
import { GroupLines } from './group-lines.ts';
import { BATCH_ENTRIES_MAX, POLLS_MAX } from './limits.ts';
import type { QueuePlace } from './places.ts';
import type { Polls } from './polls.ts';
import type { Settler } from './settle.ts';

/** How long little credit waits for more. */
const LINGER_MS = 10;
/** Before a poll is repeated that failed, or that came back empty without having waited. */
const PAUSE_MS = 500;
/** A long poll that was empty sooner did not wait. */
const HASTY_MS = 500;
const SWEEP_MS_MIN = 250;

export interface SubscriptionParts {
  readonly aws: Aws;
  readonly settler: Settler;
  readonly polls: Polls;
  readonly place: QueuePlace;
  readonly leaseMs: number;
  /** How long a poll waits. */
  readonly pollMs: number;
  readonly sink: DeliverySink;
}

export class PollingSubscription implements QueueSubscription, DeliveryOwner {
  readonly #parts: SubscriptionParts;
  #prefetch: number;
  readonly #unsettled = new Set<SqsDelivery>();
  readonly #lines = new GroupLines();
  readonly #polls = new Set<Promise<void>>();
  #pollsWanted = 1;
  #asked = 0;
  #linger: ClockTimer | undefined;
  #sweep: ClockTimer | undefined;
  readonly #closing = new AbortController();

  constructor(parts: SubscriptionParts, prefetch: number) {
    this.#parts = parts;
    this.#prefetch = prefetch;
    this.#pump(false);
    this.#sweepLater();
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#pump(false);
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#polls, this.#parts.settler.giveBack(this.#lines.endAll())]);
  }

  done(delivery: SqsDelivery): void {
    const next = this.#lines.next(delivery);
    if (next !== undefined) void this.#handOut(next);
    this.#forget(delivery);
  }

  returned(delivery: SqsDelivery): void {
    const behind = this.#lines.end(delivery);
    for (const each of behind) this.#unsettled.delete(each);
    void this.#parts.settler.giveBack(behind);
    this.#forget(delivery);
  }

  companions(delivery: SqsDelivery): readonly SqsDelivery[] {
    return this.#lines.behind(delivery);
  }

  #forget(delivery: SqsDelivery): void {
    if (this.#unsettled.delete(delivery)) this.#pump(false);
  }

  get #credit(): number {
    return this.#prefetch - this.#unsettled.size - this.#asked;
  }

  /** `lingered`: any credit is good enough by now. */
  #pump(lingered: boolean): void {
    if (this.#closing.signal.aborted) return;
    while (this.#polls.size < this.#pollsWanted) {
      const credit = this.#credit;
      if (credit <= 0) return;
      const enough = this.#polls.size > 0 ? BATCH_ENTRIES_MAX : Math.ceil(this.#prefetch / 2);
      if (credit < Math.min(BATCH_ENTRIES_MAX, enough) && !lingered) {
        if (this.#polls.size === 0) this.#pumpLater();
        return;
      }
      this.#startPoll(Math.min(credit, BATCH_ENTRIES_MAX));
    }
  }

  #pumpLater(): void {
    this.#linger ??= this.#parts.aws.context.clock.after(LINGER_MS, () => {
      this.#linger = undefined;
      this.#pump(true);
    });
  }

  #startPoll(max: number): void {
    this.#asked += max;
    const poll = this.#poll(max).finally(() => {
      this.#polls.delete(poll);
      this.#pump(false);
    });
    this.#polls.add(poll);
  }

  /** Never rejects. Gives its credit back before it delivers, in one turn. */
  async #poll(max: number): Promise<void> {
    const { aws, place, leaseMs, pollMs, settler, polls, sink } = this.#parts;
    const { signal } = this.#closing;
    const startMs = aws.context.clock.nowMs();
    let deliveries: SqsDelivery[] = [];
    let failure: unknown;
    try {
      const fetch = { max, waitMs: pollMs, leaseMs, signal, owner: this };
      deliveries = await polls.fetch(place, fetch);
    } catch (error) {
      failure = error;
    }
    if (signal.aborted) {
      await settler.giveBack(deliveries);
      return;
    }
    if (failure === undefined && deliveries.length > 0) {
      this.#asked -= max;
      this.#adapt(deliveries.length === max);
      for (const delivery of deliveries) this.#unsettled.add(delivery);
      const now = place.fifo ? this.#lines.admit(deliveries) : deliveries;
      if (now.length > 0) sink.deliver(now);
      return;
    }
    this.#pollsWanted = Math.max(1, this.#pollsWanted - 1);
    if (failure !== undefined && isFinal(failure)) this.#end(failure);
    else if (failure !== undefined || aws.context.clock.nowMs() - startMs < HASTY_MS) {
      await sleep(aws.context.clock, PAUSE_MS, signal);
    }
    this.#asked -= max;
  }

  #adapt(full: boolean): void {
    if (full) this.#pollsWanted = Math.min(POLLS_MAX, this.#pollsWanted + 1);
  }

  /** One that stood in line: its lease began when it was received. */
  async #handOut(delivery: SqsDelivery): Promise<void> {
    const { aws, settler, leaseMs, sink } = this.#parts;
    const leftMs = delivery.leaseEndMs - aws.context.clock.nowMs();
    if (leftMs < leaseMs / 2) {
      const leaseEndMs = aws.context.clock.nowMs() + leaseMs;
      try {
        await settler.setVisibility(delivery, leaseMs);
        delivery.leaseEndMs = leaseEndMs;
      } catch {
        this.returned(delivery);
        return;
      }
      if (this.#closing.signal.aborted) {
        await settler.giveBack([delivery]);
        return;
      }
    } else delivery.leaseMs = leftMs;
    sink.deliver([delivery]);
  }

  #stop(): void {
    this.#closing.abort();
    this.#linger?.cancel();
    this.#sweep?.cancel();
  }

  #end(error: PolymqError): void {
    this.#stop();
    this.#parts.sink.ended(error);
  }

  #sweepLater(): void {
    const { aws, leaseMs } = this.#parts;
    this.#sweep = aws.context.clock.after(Math.max(SWEEP_MS_MIN, leaseMs / 4), () => {
      this.#reportLost(aws.context.clock.nowMs());
      this.#sweepLater();
    });
  }

  /** What nobody has extended is visible to others. What stood in line was nobody's yet. */
  #reportLost(nowMs: number): void {
    const lost = [...this.#unsettled].filter(({ leaseEndMs }) => leaseEndMs <= nowMs);
    if (lost.length === 0) return;
    const inLine = new Set(lost.flatMap((delivery) => this.#lines.behind(delivery)));
    for (const delivery of lost) this.returned(delivery);
    const reported = lost.filter((delivery) => !inLine.has(delivery));
    if (reported.length > 0) this.#parts.sink.lost(reported);
  }
}

function isFinal(error: unknown): error is PolymqError {
  if (!(error instanceof PolymqError)) return false;
  return !error.retryable;
}
