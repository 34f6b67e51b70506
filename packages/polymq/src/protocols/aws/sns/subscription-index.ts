/**
 * The subscriptions in memory: by id, by topic, by the queues that they have to do with, and the bindings they have. It only looks
 * things up; what it says follows from what was set.
 */
import type { Binding } from '../../../core/exchange/exchanges.ts';
import { namedDestination } from './bindings.ts';
import { isDelivered, isRaw, type Subscription } from './subscription.ts';
import { deadLetterQueueOf } from './subscription-attributes.ts';

/** What is known of the subscriptions of one topic. */
export interface TopicIndex {
  readonly byId: Map<string, Subscription>;
  /** The bindings that they have, by subscription id. */
  readonly bound: Map<string, Binding>;
  /** Ids of those that send to what may come and go without a word. */
  readonly unsteady: Set<string>;
  /** Ids of those whose queues get messages without an envelope. */
  readonly raw: Set<string>;
  /** By the queue that they are bound to, or that their undeliverable messages go to. Made when asked for. */
  byQueue: Map<string, Subscription> | undefined;
  /** Of the exchanges, when the bindings were compared with what they should be. */
  version: number;
}

export class SubscriptionIndex {
  readonly #byId = new Map<string, Subscription>();
  readonly #byTopic = new Map<string, TopicIndex>();
  /** Queue name → ids of subscriptions that name it as endpoint or for dead letters. */
  readonly #byNamedQueue = new Map<string, Set<string>>();

  get count(): number {
    return this.#byId.size;
  }

  get(id: string): Subscription | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Subscription> {
    return this.#byId.values();
  }

  topic(topicName: string): TopicIndex | undefined {
    return this.#byTopic.get(topicName);
  }

  topicNames(): string[] {
    return [...this.#byTopic.keys()];
  }

  /** Adds it, or puts it in the place of the one with its id. */
  set(subscription: Subscription): TopicIndex {
    const { id, topicName } = subscription;
    const old = this.#byId.get(id);
    if (old !== undefined) this.#unname(old);
    let topic = this.#byTopic.get(topicName);
    if (topic === undefined) {
      topic = {
        byId: new Map(),
        bound: new Map(),
        unsteady: new Set(),
        raw: new Set(),
        byQueue: undefined,
        version: -1,
      };
      this.#byTopic.set(topicName, topic);
    }
    this.#byId.set(id, subscription);
    topic.byId.set(id, subscription);
    for (const name of queuesNamedBy(subscription)) {
      const ids = this.#byNamedQueue.get(name) ?? new Set();
      this.#byNamedQueue.set(name, ids.add(id));
    }
    this.#note(topic, subscription);
    return topic;
  }

  delete(subscription: Subscription): void {
    const { id, topicName } = subscription;
    this.#byId.delete(id);
    this.#unname(subscription);
    const topic = this.#byTopic.get(topicName);
    if (topic === undefined) return;
    topic.byId.delete(id);
    topic.bound.delete(id);
    topic.unsteady.delete(id);
    topic.raw.delete(id);
    topic.byQueue = undefined;
    if (topic.byId.size === 0) this.#byTopic.delete(topicName);
  }

  /** Notes the binding that the subscription has now. */
  setBound(subscription: Subscription, binding: Binding | undefined): void {
    const topic = this.#byTopic.get(subscription.topicName);
    if (topic === undefined) return;
    if (binding === undefined) topic.bound.delete(subscription.id);
    else topic.bound.set(subscription.id, binding);
    this.#note(topic, subscription);
  }

  /** The one that leads from the topic to the queue. */
  forQueue(topicName: string, queueName: string): Subscription | undefined {
    const topic = this.#byTopic.get(topicName);
    if (topic === undefined) return undefined;
    topic.byQueue ??= byQueueOf(topic);
    return topic.byQueue.get(queueName);
  }

  /** Those of the queues that get a message of the topic without an envelope (`MessageProperties.rawQueues`). */
  rawQueues(topicName: string, queues: readonly { name: string }[]): string | undefined {
    const topic = this.#byTopic.get(topicName);
    if (topic === undefined || topic.raw.size === 0) return undefined;
    const raw: string[] = [];
    let others = 0;
    for (const { name } of queues) {
      const subscription = this.forQueue(topicName, name);
      if (subscription === undefined || !isRaw(subscription)) others += 1;
      else if (!isDelivered(subscription.protocol)) raw.push(name);
    }
    if (raw.length === 0) return undefined;
    return others === 0 ? '*' : JSON.stringify(raw);
  }

  /** The topics that have subscriptions which name the queue. */
  topicsNaming(queueName: string): ReadonlySet<string> {
    const topics = new Set<string>();
    for (const id of this.#byNamedQueue.get(queueName) ?? []) {
      topics.add(this.#byId.get(id)!.topicName);
    }
    return topics;
  }

  #note(topic: TopicIndex, subscription: Subscription): void {
    topic.byQueue = undefined;
    const { id, confirmed } = subscription;
    const { kind, name } = namedDestination(subscription);
    const steady = kind === 'queue' && topic.bound.get(id)?.destination === name;
    if (steady || !confirmed) topic.unsteady.delete(id);
    else topic.unsteady.add(id);
    if (isRaw(subscription)) topic.raw.add(id);
    else topic.raw.delete(id);
  }

  #unname(subscription: Subscription): void {
    for (const name of queuesNamedBy(subscription)) {
      const ids = this.#byNamedQueue.get(name);
      ids?.delete(subscription.id);
      if (ids?.size === 0) this.#byNamedQueue.delete(name);
    }
  }
}

function queuesNamedBy(subscription: Subscription): string[] {
  const { kind, name } = namedDestination(subscription);
  const deadLetterQueue = deadLetterQueueOf(subscription.attributes);
  return [
    ...(kind === 'queue' ? [name] : []),
    ...(deadLetterQueue === undefined ? [] : [deadLetterQueue]),
  ];
}

/** Where a queue is both bound and a dead-letter queue, being bound counts. */
function byQueueOf({ byId, bound }: TopicIndex): Map<string, Subscription> {
  const byQueue = new Map<string, Subscription>();
  for (const subscription of byId.values()) {
    const queueName = deadLetterQueueOf(subscription.attributes);
    if (queueName !== undefined) byQueue.set(queueName, subscription);
  }
  for (const subscription of byId.values()) {
    const binding = bound.get(subscription.id);
    if (binding?.destinationKind === 'queue') byQueue.set(binding.destination, subscription);
  }
  return byQueue;
}
