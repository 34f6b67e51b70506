/**
 * Queues of the SDK over those of the core in the same process. What was asked for has happened in the core when a call
 * returns; its promise only waits until that is durable.
 */
import type {
  Delivery,
  DeliverySink,
  OutgoingMessage,
  QueueDriver,
  QueueSpec,
  QueueStats,
  QueueSubscription,
  ReceiveRequest,
  SendOutcome,
  WireMessage,
} from '@polymq/client/driver';
import { PolymqError } from '@polymq/client/driver';
import { BrokerError } from '../../core/errors.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Commits } from '../commit.ts';
import { type EmbeddedContext, NAMESPACE } from '../context.ts';
import { clientError, closedError } from '../errors.ts';
import { readView } from '../wire.ts';
import type { EmbeddedDelivery } from './embedded-delivery.ts';
import { checkSame, definitionOf } from './queue-spec.ts';
import { Received } from './received.ts';
import { Reception } from './reception.ts';
import { gone, type Sending } from './sending.ts';
import { EmbeddedSubscription, type SubscriptionOptions } from './subscription.ts';

export class EmbeddedQueues implements QueueDriver {
  /** Each delivery waits for a commit, and a lease lies in this process. */
  readonly prefetchGrows = true;
  readonly takesText = true;
  readonly #context: EmbeddedContext;
  readonly #commits: Commits;
  readonly #sending: Sending;
  readonly #subscriptions = new Set<EmbeddedSubscription>();
  readonly #received = new Received();
  readonly #stop = new AbortController();
  /** The queue that was looked up last. */
  #last: Queue | undefined;

  constructor(context: EmbeddedContext, commits: Commits, sending: Sending) {
    this.#context = context;
    this.#commits = commits;
    this.#sending = sending;
  }

  async declareQueue(spec: QueueSpec): Promise<void> {
    const what = `declare queue "${spec.name}"`;
    this.#checkOpen(what);
    const { queues } = this.#context.core;
    const known = queues.get(NAMESPACE, spec.name);
    if (known !== undefined) {
      known.touch();
      checkSame(known, spec);
      return;
    }
    try {
      const declared = queues.declare(NAMESPACE, spec.name, definitionOf(spec));
      await this.#context.track(declared);
    } catch (error: unknown) {
      const exists = error instanceof BrokerError && error.code === 'queue-exists';
      if (!exists) throw clientError(error, what);
      // Somebody else was quicker: is it the same? It may be there a moment later only.
      await this.declareQueue(spec);
    }
  }

  async deleteQueue(queue: string): Promise<void> {
    const what = `delete queue "${queue}"`;
    this.#checkOpen(what);
    const { queues } = this.#context.core;
    const known = queues.get(NAMESPACE, queue);
    if (known === undefined) return;
    await this.#try(queues.delete(known), what);
  }

  async purgeQueue(queue: string): Promise<number> {
    const what = `purge queue "${queue}"`;
    return this.#try(this.#queue(queue, what).purge(), what);
  }

  async queueStats(queue: string): Promise<QueueStats> {
    const what = `look at queue "${queue}"`;
    const known = this.#queue(queue, what);
    let oldestMs: number | undefined;
    const { formats } = this.#context.core;
    await this.#try(
      known.peek(1, (view) => {
        oldestMs = formats.neutralOf(view).timestampMs ?? view.publishedMs;
      }),
      what,
    );
    const { readyCount: ready, leasedCount: leased, delayedCount: delayed } = known;
    return { ready, leased, delayed, consumers: known.consumerCount, oldestMs };
  }

  async peek(queue: string, max: number): Promise<readonly WireMessage[]> {
    const what = `look into queue "${queue}"`;
    const known = this.#queue(queue, what);
    const { formats } = this.#context.core;
    const messages: WireMessage[] = [];
    await this.#try(
      known.peek(max, (view, row) => {
        messages.push(readView(view, formats, `${known.id}-${known.seq(row)}`));
      }),
      what,
    );
    return messages;
  }

  /** Not async: that would cost each send three turns of the promises' queue. */
  send(
    queue: string,
    messages: readonly OutgoingMessage[],
  ): Promise<readonly SendOutcome[] | undefined> {
    try {
      return this.#sending.send(this.#queue(queue, 'send'), messages);
    } catch (error: unknown) {
      return Promise.reject(error);
    }
  }

  async receive(queue: string, request: ReceiveRequest): Promise<Delivery[]> {
    const known = this.#queue(queue, 'receive');
    return new Reception(this.#context, known, request, this.#received).run(this.#stop.signal);
  }

  async subscribeQueue(
    queue: string,
    options: SubscriptionOptions,
    sink: DeliverySink,
  ): Promise<QueueSubscription> {
    const known = this.#queue(queue, `consume queue "${queue}"`);
    const subscription = new EmbeddedSubscription(this.#context, known, options, sink, (ended) =>
      this.#subscriptions.delete(ended),
    );
    this.#subscriptions.add(subscription);
    try {
      subscription.start();
    } catch (error: unknown) {
      this.#subscriptions.delete(subscription);
      throw clientError(error, `consume queue "${queue}"`);
    }
    return subscription;
  }

  begin(delivery: Delivery): Promise<void> | undefined {
    const own = delivery.handle as EmbeddedDelivery;
    if (own.begun !== 'must-begin') return undefined;
    if (!own.held) return lost(own);
    own.begin();
    return own.queue.definition.durable ? this.#commits.durable() : undefined;
  }

  ack(delivery: Delivery): Promise<void> {
    const own = delivery.handle as EmbeddedDelivery;
    if (!own.held) return lost(own);
    own.queue.ack(own.row);
    own.close();
    return this.#commits.durable();
  }

  release(delivery: Delivery, delayMs: number, untouched = false): Promise<void> | undefined {
    const own = delivery.handle as EmbeddedDelivery;
    if (!own.held) return lost(own);
    own.queue.requeue(own.row, { delayMs, untouched });
    own.close();
    return untouched ? undefined : this.#commits.durable();
  }

  /** In one batch of the journal: either both are durable or neither. */
  async move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void> {
    const own = delivery.handle as EmbeddedDelivery;
    const target = this.#queue(to, 'move a message');
    await this.#commits.room(`move a message to queue "${to}"`);
    if (!own.held) return lost(own);
    if (target.deleted) throw gone(target);
    const { queues } = this.#context.core;
    queues.store.together();
    const returning = target === own.queue;
    const outcome = this.#sending.put(target, message, this.#context.clock.nowMs(), returning);
    if ('error' in outcome) throw outcome.error;
    own.queue.ack(own.row);
    own.close();
    await this.#commits.durable();
  }

  async extend(delivery: Delivery, leaseMs: number): Promise<void> {
    const own = delivery.handle as EmbeddedDelivery;
    if (!own.held) return lost(own);
    own.queue.extend(own.row, leaseMs);
    own.leaseEndMs = this.#context.clock.nowMs() + leaseMs;
  }

  /** What nobody has settled goes back at once. */
  async close(): Promise<void> {
    this.#stop.abort();
    const subscriptions = [...this.#subscriptions];
    await Promise.all(subscriptions.map((subscription) => subscription.close()));
    for (const subscription of subscriptions) subscription.giveBackOpen();
    this.#received.giveBack();
    // If the disk refuses, they go back when the broker starts again.
    await this.#commits.durable().catch(() => undefined);
  }

  #queue(name: string, what: string): Queue {
    const last = this.#last;
    if (last !== undefined && last.name === name && !last.deleted && !this.#stop.signal.aborted) {
      return last;
    }
    this.#checkOpen(what);
    const queue = this.#context.core.queues.get(NAMESPACE, name);
    if (queue === undefined) throw gone({ name });
    this.#last = queue;
    return queue;
  }

  #checkOpen(what: string): void {
    if (this.#stop.signal.aborted) throw closedError(what);
  }

  async #try<T>(work: Promise<T>, what: string): Promise<T> {
    try {
      return await this.#context.track(work);
    } catch (error: unknown) {
      throw clientError(error, what);
    }
  }
}

function lost(delivery: EmbeddedDelivery): Promise<never> {
  delivery.close();
  return Promise.reject(
    new PolymqError(
      'lease-lost',
      `message ${delivery.id} of queue "${delivery.queue.name}" is not leased any more: ` +
        'its lease has ended, it was settled already, or the queue was emptied',
    ),
  );
}
