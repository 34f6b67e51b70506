/**
 * All subscriptions, and the bindings they have in the core. Each is a document `aws/subscription/<id>` and, once confirmed, a
 * binding of its topic's exchange.
 *
 *   document ──► queue of its own (if a worker delivers) ──► binding ──► worker
 *
 * is the order in which they are made; they go the other way round. What a crash has left in between is put right at start, from
 * the documents. What a subscription sends to may come and go: its binding is compared with what there is when queues are made
 * or deleted, and before something is published if anything was declared since.
 *
 * Changes of one topic's subscriptions run one after the other (`turns`): `put`, `end` and `drop` are called within such a turn.
 */
import type { Broker } from '../../../core/broker.ts';
import type { Binding } from '../../../core/exchange/exchanges.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { Logger } from '../../../lib/logger.ts';
import { bindingOf, sameBinding } from './bindings.ts';
import type { DeliveryWorkers } from './delivery-port.ts';
import {
  deliveryQueueName,
  isDelivered,
  type Subscription,
  type SubscriptionProtocol,
  storedSubscription,
  subscriptionDocument,
} from './subscription.ts';
import { SubscriptionIndex, type TopicIndex } from './subscription-index.ts';
import type { Topics } from './topics.ts';
import type { Turns } from './turns.ts';

const DOCUMENTS = 'aws/subscription/';
/** How long a token is good for. */
const TOKEN_MS = 3 * 24 * 60 * 60 * 1_000;

export interface SubscriptionsParts {
  broker: Broker;
  environment: Environment;
  logger: Logger;
  topics: Topics;
  turns: Turns;
  /** Where deliveries say that the broker is, if the operator says so; else where the subscriber found it. */
  advertisedOrigin: string | undefined;
}

export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  readonly #index = new SubscriptionIndex();
  /** Set once, before `open`. */
  workers: DeliveryWorkers | undefined;

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
    const { broker, topics } = parts;
    broker.queues.onDeleted(({ namespace, name }) => {
      if (namespace === '') this.#inBackground(() => this.queueChanged(name), { queue: name });
    });
    topics.onReplaced = (name) => {
      const gone = [...(this.#index.topic(name)?.byId.values() ?? [])];
      if (gone.length > 0) this.#inBackground(() => this.#dropAll(name, gone), { topic: name });
    };
  }

  /** Reads the documents and puts right what does not agree with them. */
  async open(): Promise<void> {
    const { broker, topics, advertisedOrigin } = this.#parts;
    for (const [key, document] of broker.documents.list(DOCUMENTS)) {
      const stored = storedSubscription(key.slice(DOCUMENTS.length), document);
      const subscription = { ...stored, origin: advertisedOrigin ?? stored.origin };
      const topic = topics.get(subscription.topicName);
      const stale = topic?.id !== subscription.topicId || this.#isOver(subscription);
      if (stale) await broker.documents.delete(key);
      else this.#index.set(subscription);
    }
    await this.#deleteOrphanedQueues();
    for (const topicName of this.#index.topicNames()) await this.#settle(topicName);
    for (const subscription of this.#index.all()) this.#startWorker(subscription);
  }

  get count(): number {
    return this.#index.count;
  }

  get(id: string): Subscription | undefined {
    const subscription = this.#index.get(id);
    return subscription !== undefined && this.#isShown(subscription) ? subscription : undefined;
  }

  /** In the order of ids. */
  list(): Subscription[] {
    return this.#shown(this.#index.all());
  }

  /** In the order of ids. */
  ofTopic(topicName: string): Subscription[] {
    return this.#shown(this.#index.topic(topicName)?.byId.values() ?? []);
  }

  /** What GetTopicAttributes counts. */
  counts(topicName: string): { confirmed: number; pending: number; deleted: number } {
    let [confirmed, pending, deleted] = [0, 0, 0];
    for (const subscription of this.#index.topic(topicName)?.byId.values() ?? []) {
      if (this.#isOver(subscription)) continue;
      if (subscription.confirmed) confirmed += 1;
      else if (subscription.ended) deleted += 1;
      else pending += 1;
    }
    return { confirmed, pending, deleted };
  }

  /** The one of that endpoint: there is at most one. */
  find(
    topicName: string,
    protocol: SubscriptionProtocol,
    endpoint: string,
  ): Subscription | undefined {
    for (const subscription of this.#index.topic(topicName)?.byId.values() ?? []) {
      if (subscription.endpoint !== endpoint || subscription.protocol !== protocol) continue;
      if (this.#isShown(subscription)) return subscription;
    }
    return undefined;
  }

  /** Something that all deliveries of the topic go by has changed. */
  restartWorkers(topicName: string): void {
    for (const subscription of this.ofTopic(topicName)) this.#startWorker(subscription);
  }

  /** The one that waits for the token, or has shown it; also one that has ended. */
  byToken(topicName: string, token: string): Subscription | undefined {
    for (const subscription of this.#index.topic(topicName)?.byId.values() ?? []) {
      if (subscription.token === token && !this.#isOver(subscription)) return subscription;
    }
    return undefined;
  }

  /** The one that leads from the topic to the queue. */
  forQueue(topicName: string, queueName: string): Subscription | undefined {
    return this.#index.forQueue(topicName, queueName);
  }

  /** Those of the queues that get a message of the topic without an envelope (`MessageProperties.rawQueues`). */
  rawQueues(topicName: string, queues: readonly { name: string }[]): string | undefined {
    return this.#index.rawQueues(topicName, queues);
  }

  /** Stores it, or what has changed of it, and binds it as it says. Durable when the promise resolves. */
  async put(subscription: Subscription): Promise<void> {
    const old = this.#index.get(subscription.id);
    await this.#store(subscription);
    try {
      await this.#ensureQueue(subscription);
      await this.#bindAnew(subscription);
    } catch (error: unknown) {
      // What cannot be bound must not look as if it were.
      await (old === undefined ? this.#drop([subscription]) : this.#store(old));
      throw error;
    }
    this.#startWorker(subscription);
  }

  async #store(subscription: Subscription): Promise<void> {
    const { documents } = this.#parts.broker;
    await documents.put(DOCUMENTS + subscription.id, subscriptionDocument(subscription));
    this.#index.set(subscription);
  }

  /** Ends it: nothing comes to its endpoint any more. `kept`: what stays of it, for its token. */
  async end(subscription: Subscription, kept?: Subscription): Promise<void> {
    const { id } = subscription;
    if (isDelivered(subscription.protocol)) this.workers?.stop(id);
    const bound = this.#index.topic(subscription.topicName)?.bound.get(id);
    if (bound !== undefined) await this.#unbind(bound);
    this.#index.setBound(subscription, undefined);
    await this.#deleteQueue(id);
    if (kept === undefined) await this.#forget(subscription);
    else await this.put(kept);
  }

  /** The topic is gone, and its bindings with it. */
  async drop(topicName: string): Promise<void> {
    await this.#drop([...(this.#index.topic(topicName)?.byId.values() ?? [])]);
  }

  /** Whether bindings are what they should be, as far as this is known without a look. Asked before publishing. */
  isSettled(topicName: string): boolean {
    const topic = this.#index.topic(topicName);
    if (topic === undefined || topic.unsteady.size === 0) return true;
    return topic.version === this.#parts.broker.exchanges.version;
  }

  /** Makes the bindings of a topic those that its subscriptions should have now. */
  settle(topicName: string): Promise<void> {
    return this.#parts.turns.run(topicName, () => this.#settle(topicName));
  }

  /** A queue exists now, or no longer: subscriptions that name it send elsewhere. */
  async queueChanged(queueName: string): Promise<void> {
    for (const topicName of this.#index.topicsNaming(queueName)) await this.settle(topicName);
  }

  async #settle(topicName: string): Promise<void> {
    const { broker, topics } = this.#parts;
    const index = this.#index.topic(topicName);
    const exchange = topics.get(topicName)?.exchange;
    if (index === undefined || exchange === undefined) return;
    const version = broker.exchanges.version;
    const stale = this.#readBindings(index, broker.exchanges.bindingsOf(exchange));
    let changed = stale.length > 0;
    for (const subscription of [...index.byId.values()]) {
      if (index.bound.has(subscription.id)) continue;
      changed = (await this.#repair(subscription)) || changed;
    }
    for (const binding of stale) await this.#unbind(binding);
    // Own changes count as looked at; what others have changed meanwhile does not.
    index.version = changed ? -1 : version;
  }

  /** Returns whether it is bound elsewhere now. One that cannot be must not keep messages from the others. */
  async #repair(subscription: Subscription): Promise<boolean> {
    try {
      await this.#ensureQueue(subscription);
      const changed = await this.#bindAnew(subscription);
      if (changed) this.#startWorker(subscription);
      return changed;
    } catch (error: unknown) {
      const { arn } = subscription;
      this.#parts.logger.error({ subscription: arn, error }, 'cannot bind a subscription');
      return false;
    }
  }

  /** Notes which bindings are right; returns those that are not. */
  #readBindings(index: TopicIndex, bindings: readonly Binding[]): Binding[] {
    const { broker } = this.#parts;
    const stale: Binding[] = [];
    index.bound.clear();
    for (const binding of bindings) {
      const id = binding.arguments['x-subscription'];
      if (typeof id !== 'string') continue;
      const subscription = index.byId.get(id);
      const wanted = subscription && bindingOf(broker, subscription);
      if (wanted !== undefined && sameBinding(wanted, binding)) index.bound.set(id, binding);
      else stale.push(binding);
    }
    for (const subscription of index.byId.values()) {
      this.#index.setBound(subscription, index.bound.get(subscription.id));
    }
    return stale;
  }

  /**
   * The new binding first, so that no message is missed; for a moment the old one may bring one that the new one would not.
   * Returns whether anything changed.
   */
  async #bindAnew(subscription: Subscription): Promise<boolean> {
    const { broker } = this.#parts;
    const old = this.#index.topic(subscription.topicName)?.bound.get(subscription.id);
    const wanted = bindingOf(broker, subscription);
    if (sameBinding(old, wanted)) return false;
    if (wanted !== undefined) await broker.exchanges.bind(wanted);
    this.#index.setBound(subscription, wanted);
    if (old !== undefined) await this.#unbind(old);
    return true;
  }

  async #unbind(binding: Binding): Promise<void> {
    const { exchanges } = this.#parts.broker;
    if (exchanges.get('', binding.source) !== undefined) await exchanges.unbind(binding);
  }

  #startWorker(subscription: Subscription): void {
    const { confirmed, protocol } = subscription;
    if (confirmed && isDelivered(protocol)) this.workers?.start(subscription);
  }

  async #ensureQueue({ id, topicName, confirmed, protocol }: Subscription): Promise<void> {
    if (!confirmed || !isDelivered(protocol)) return;
    const { broker, topics } = this.#parts;
    const name = deliveryQueueName(id);
    if (broker.queues.get('', name) !== undefined) return;
    await broker.queues.declare('', name, {
      durable: true,
      autoDelete: false,
      exclusive: false,
      settings: topics.get(topicName)?.fifo ? { groups: true } : {},
      declared: { sns: { subscription: id } },
    });
  }

  async #deleteQueue(id: string): Promise<void> {
    const { queues } = this.#parts.broker;
    const queue = queues.get('', deliveryQueueName(id));
    if (queue !== undefined) await queues.delete(queue);
  }

  async #deleteOrphanedQueues(): Promise<void> {
    const { queues } = this.#parts.broker;
    for (const queue of queues.list('')) {
      const { sns } = queue.definition.declared as { sns?: { subscription?: unknown } };
      const id = sns?.subscription;
      if (typeof id !== 'string' || queue.name !== deliveryQueueName(id)) continue;
      if (!this.#index.get(id)?.confirmed) await queues.delete(queue);
    }
  }

  #dropAll(topicName: string, gone: readonly Subscription[]): Promise<void> {
    return this.#parts.turns.run(topicName, () => this.#drop(gone));
  }

  async #drop(subscriptions: readonly Subscription[]): Promise<void> {
    for (const subscription of subscriptions) {
      const { id, protocol } = subscription;
      if (isDelivered(protocol)) this.workers?.stop(id);
      await this.#deleteQueue(id);
      await this.#forget(subscription);
    }
  }

  async #forget(subscription: Subscription): Promise<void> {
    this.#index.delete(subscription);
    await this.#parts.broker.documents.delete(DOCUMENTS + subscription.id);
  }

  #shown(subscriptions: Iterable<Subscription>): Subscription[] {
    const shown: Subscription[] = [];
    for (const subscription of subscriptions) {
      if (this.#isShown(subscription)) shown.push(subscription);
    }
    return shown.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #isShown(subscription: Subscription): boolean {
    return !subscription.ended && !this.#isOver(subscription);
  }

  /** It was not confirmed, or has ended, so long ago that its token counts no more. */
  #isOver({ confirmed, sinceMs }: Subscription): boolean {
    return !confirmed && this.#parts.environment.clock.nowMs() - sinceMs > TOKEN_MS;
  }

  #inBackground(work: () => Promise<void>, what: Readonly<Record<string, string>>): void {
    work().catch((error: unknown) => {
      this.#parts.logger.error(
        { ...what, error },
        'cannot adapt subscriptions to what was deleted',
      );
    });
  }
}
