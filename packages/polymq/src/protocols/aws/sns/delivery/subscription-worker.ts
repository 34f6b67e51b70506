/**
 * Delivers what waits in the queue of one subscription.
 *
 *   queue ─► deliver ─► render ─► send ──┬─ taken ─► ack
 *              ▲                         ├─ failed, may be tried again ─► requeue with a delay
 *              └─────── resume ◄─────────┴─ failed for good ─► dead-letter queue, ack in the same turn
 *
 * How often a message was tried is kept with it in the queue, so retries go on after a restart. In a FIFO topic the queue itself
 * hands out one message of a group at a time, also while that one waits for its retry.
 *
 * Whatever happens to the queue meanwhile (deleted, purged), an answer to a message that is not held any more does nothing.
 */
import type { Broker } from '../../../../core/broker.ts';
import type { MessageView } from '../../../../core/message/message-bytes.ts';
import type { Queue, QueueConsumer } from '../../../../core/queue/queue.ts';
import type { Environment } from '../../../../lib/environment/environment.ts';
import type { Logger } from '../../../../lib/logger.ts';
import type { RateLimit } from '../../../../lib/rate-limit.ts';
import { readMessage, type TakenMessage } from '../../sqs/render.ts';
import type { SubscriptionsView } from '../delivery-port.ts';
import type { Subscription } from '../subscription.ts';
import { deadLetterQueueOf } from '../subscription-attributes.ts';
import { putDeadLetter } from './dead-letter.ts';
import type { Delivery, Failure, Sender } from './delivery.ts';
import type { DeliveryCounters, DeliveryOutcome } from './delivery-counters.ts';
import { Pace } from './pace.ts';
import { type EffectivePolicy, workingPolicy } from './policy/effective-policy.ts';
import { retryDelayMs } from './policy/retry-policy.ts';
import type { Slots } from './slots.ts';

/** Deliveries of one subscription at the same time. */
const IN_FLIGHT_MAX = 8;
/** Retries are spread over so much more than their delay, so that they do not come all at once: one part in so many. */
const JITTER_PARTS = 10;

export interface WorkerParts {
  readonly broker: Broker;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly view: SubscriptionsView;
  readonly slots: Slots;
  readonly counters: DeliveryCounters;
  readonly sender: Sender;
  /** For lines about messages that were dropped. */
  readonly logLimit: RateLimit;
  /** Called when a delivery has ended. */
  readonly onSettled: () => void;
}

/** A message that is with the sender. */
interface Held {
  readonly row: number;
  readonly seq: number;
  readonly attempts: number;
}

export class SubscriptionWorker implements QueueConsumer {
  readonly noAck = false;
  readonly #parts: WorkerParts;
  readonly #queue: Queue;
  readonly #pace: Pace;
  #subscription: Subscription;
  #policy: { of: string; policy: EffectivePolicy } | undefined;
  #inFlight = 0;
  #stopped = false;
  #abandoned = false;

  constructor(parts: WorkerParts, queue: Queue, subscription: Subscription) {
    this.#parts = parts;
    this.#queue = queue;
    this.#subscription = subscription;
    this.#pace = new Pace(parts.environment, () => this.wake());
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get subscription(): Subscription {
    return this.#subscription;
  }

  start(): void {
    this.#queue.addConsumer(this);
  }

  /** Its attributes have changed. */
  update(subscription: Subscription): void {
    this.#subscription = subscription;
    this.wake();
  }

  /** What is with the sender may finish, and its answer is heeded; nothing more is taken. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pace.stop();
    this.#parts.slots.forget(this);
    if (!this.#queue.deleted) this.#queue.removeConsumer(this);
  }

  wake(): void {
    if (!this.#stopped && !this.#queue.deleted) this.#queue.resume(this);
  }

  ready(): boolean {
    if (this.#stopped || this.#inFlight >= IN_FLIGHT_MAX) return false;
    this.#pace.limit(this.#currentPolicy().throttlePolicy?.maxReceivesPerSecond);
    return this.#pace.ready() && this.#parts.slots.offer(this);
  }

  deliver(queue: Queue, row: number, view: MessageView): void {
    const held = { row, seq: queue.seq(row), attempts: queue.attempts(row) };
    this.#inFlight += 1;
    this.#parts.slots.take();
    this.#pace.spend();
    const delivery: Delivery = {
      subscription: this.#subscription,
      message: this.#read(row, view),
      policy: this.#currentPolicy(),
    };
    this.#run(delivery, held).catch((error: unknown) => {
      this.#parts.logger.error({ error, subscription: this.#subscription.arn }, FAILED);
    });
  }

  onCancelled(): void {
    this.stop();
  }

  /** Answers are not heeded any more: the broker ends, and what is with the sender is delivered again later. */
  abandon(): void {
    this.stop();
    this.#abandoned = true;
  }

  async #run(delivery: Delivery, held: Held): Promise<void> {
    let rendered: string | undefined;
    let failure: Failure | undefined;
    try {
      rendered = await this.#parts.sender.render(delivery);
      failure = await this.#parts.sender.send(delivery, rendered);
    } catch (error) {
      this.#parts.logger.error({ error, subscription: delivery.subscription.arn }, FAILED);
      failure = { retry: true, code: 'InternalError', message: 'the broker failed to send it' };
    }
    try {
      this.#settle(delivery, held, rendered ?? delivery.message.body, failure);
    } finally {
      this.#inFlight -= 1;
      this.#parts.slots.release();
      this.wake();
      this.#parts.onSettled();
    }
  }

  #settle(delivery: Delivery, held: Held, body: string, failure: Failure | undefined): void {
    const { row, seq, attempts } = held;
    if (this.#abandoned || !this.#queue.holds(row, seq)) return;
    if (this.#queue.deleted) {
      // Nobody wants to know any more, but the row is the holder's until it is answered.
      this.#queue.ack(row);
      return;
    }
    if (failure === undefined) {
      this.#parts.counters.count('delivered');
      this.#queue.ack(row);
      return;
    }
    const delayMs = failure.retry
      ? retryDelayMs(delivery.policy.healthyRetryPolicy, attempts)
      : undefined;
    if (delayMs === undefined) {
      this.#parts.counters.count(this.#giveUp(delivery, body, failure));
      this.#queue.ack(row);
      return;
    }
    this.#parts.counters.count('retried');
    const jitterMs = this.#parts.environment.random.integer(Math.ceil(delayMs / JITTER_PARTS) + 1);
    this.#queue.requeue(row, { delayMs: delayMs + jitterMs });
  }

  #giveUp(delivery: Delivery, body: string, failure: Failure): DeliveryOutcome {
    const { broker } = this.#parts;
    // The policy of now: it may have been set because deliveries fail.
    const name = deadLetterQueueOf(this.#subscription.attributes);
    const queue = name === undefined ? undefined : broker.queues.get('', name);
    if (queue !== undefined && putDeadLetter(this.#parts, queue, delivery, { body, failure })) {
      return 'dead-lettered';
    }
    this.#logDropped(delivery, failure, dropReason(name, queue));
    return 'dropped';
  }

  #logDropped(delivery: Delivery, failure: Failure, reason: string): void {
    const { logger, logLimit } = this.#parts;
    if (!logLimit.allow()) return;
    const fields = {
      subscription: delivery.subscription.arn,
      messageId: delivery.message.properties.messageId,
      code: failure.code,
      failure: failure.message,
      reason,
      linesLeftOut: logLimit.takeSuppressed(),
    };
    logger.warn(fields, 'a message could not be delivered and is dropped');
  }

  #read(row: number, view: MessageView): TakenMessage {
    const message = readMessage(this.#parts, this.#queue, row, view);
    const { properties } = message;
    properties.topicArn ??= this.#subscription.topicArn;
    return message;
  }

  #currentPolicy(): EffectivePolicy {
    const { protocol, topicName, attributes } = this.#subscription;
    const ofTopic = this.#parts.view.topicAttributes(topicName)['DeliveryPolicy'];
    const own = attributes['DeliveryPolicy'];
    const of = `${ofTopic ?? ''}\0${own ?? ''}`;
    if (this.#policy?.of !== of)
      this.#policy = { of, policy: workingPolicy(protocol, own, ofTopic) };
    return this.#policy.policy;
  }
}

const FAILED = 'a delivery failed inside the broker';

function dropReason(name: string | undefined, queue: Queue | undefined): string {
  if (name === undefined) return 'the subscription has no dead-letter queue';
  if (queue === undefined) return `the dead-letter queue "${name}" does not exist`;
  return `the dead-letter queue "${name}" is full`;
}
