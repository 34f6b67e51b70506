/**
 * One search for where a message goes: from exchange to exchange, as their bindings lead, each exchange and each
 * destination once. An exchange none of whose bindings wants the message hands it to its alternate, if there is one.
 */
import type { Queue } from '../queue/queue.ts';
import type { RoutingFacts } from './exchanges.ts';
import type { BindingVisitor, LiveBinding, QueueEnd } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import { LiveRoute } from './live-route.ts';

/** What a search needs to know of the world. */
export interface WayGuide {
  /** The queue at the end of a binding, if it still exists. */
  queueOf(end: QueueEnd): Queue | undefined;
  exchange(namespace: string, name: string): LiveExchange | undefined;
  queue(namespace: string, name: string): Queue | undefined;
  streamExists(name: string): boolean;
  /** Whether a message due then has to wait. */
  isFuture(dueMs: number): boolean;
}

/** Below so many destinations, looking through them is faster than a set. */
const LIST_MAX = 16;

export class Way implements BindingVisitor {
  readonly #guide: WayGuide;
  readonly #keys: readonly string[];
  readonly #facts: RoutingFacts;
  readonly #queues: Queue[] = [];
  #queueSet: Set<Queue> | undefined;
  readonly #streams = new Set<string>();
  readonly #exchanges: LiveExchange[] = [];
  readonly #exchangeSet = new Set<LiveExchange>();
  readonly #remembering: LiveExchange[] = [];
  readonly #waiting: Queue[] = [];
  #matched = false;
  /** No exchange looked at more than the routing key. */
  cacheable = true;
  /** Some exchange looked at the routing key. */
  keyed = false;

  constructor(guide: WayGuide, keys: readonly string[], facts: RoutingFacts) {
    this.#guide = guide;
    this.#keys = keys;
    this.#facts = facts;
  }

  /** Searches from there. Its own delay is over, or the caller's matter. */
  search(start: LiveExchange): LiveRoute {
    this.#reach(start);
    for (let at = 0; at < this.#exchanges.length; at++) {
      const exchange = this.#exchanges[at]!;
      if (exchange === start || !this.#waits(exchange)) this.#pass(exchange);
    }
    const cacheable = this.cacheable && start.definition.delayed !== true;
    return new LiveRoute(this.#queues, [...this.#streams], { cacheable, extras: this.#extras() });
  }

  visit({ destination }: LiveBinding): void {
    this.#matched = true;
    if (destination.kind === 'exchange') this.#reach(destination);
    else if (destination.kind === 'stream') this.#streams.add(destination.name);
    else this.#deliver(destination.queue ?? this.#guide.queueOf(destination));
  }

  #pass(exchange: LiveExchange): void {
    const { name, namespace, router, definition } = exchange;
    this.#matched = false;
    if (name === '') {
      this.keyed = true;
      for (const key of this.#keys) this.#passDefault(namespace, key);
    } else {
      if (router.dependsOn === 'message') this.cacheable = false;
      else if (router.dependsOn === 'key') this.keyed = true;
      if (definition.type === 'recent-history') this.#remembering.push(exchange);
      router.route(this.#keys, this.#facts, this);
    }
    if (this.#matched || definition.alternate === undefined) return;
    const alternate = this.#guide.exchange(namespace, definition.alternate);
    if (alternate !== undefined) this.#reach(alternate);
  }

  /** The default exchange leads to the queue, else to the stream, whose name is the routing key. */
  #passDefault(namespace: string, key: string): void {
    const queue = this.#guide.queue(namespace, key);
    if (queue !== undefined) this.#deliver(queue);
    else if (namespace === '' && this.#guide.streamExists(key)) this.#streams.add(key);
  }

  /** Whether the message goes no further here until its time has come. */
  #waits(exchange: LiveExchange): boolean {
    if (exchange.definition.delayed !== true) return false;
    this.cacheable = false;
    const queue = exchange.delayQueue;
    if (queue === undefined || !this.#guide.isFuture(this.#facts.dueMs)) return false;
    this.#waiting.push(queue);
    return true;
  }

  #reach(exchange: LiveExchange): void {
    if (this.#exchangeSet.has(exchange)) return;
    this.#exchangeSet.add(exchange);
    this.#exchanges.push(exchange);
  }

  #deliver(queue: Queue | undefined): void {
    if (queue === undefined) return;
    const queues = this.#queues;
    if (queues.length < LIST_MAX) {
      if (!queues.includes(queue)) queues.push(queue);
      return;
    }
    this.#queueSet ??= new Set(queues);
    if (this.#queueSet.has(queue)) return;
    this.#queueSet.add(queue);
    queues.push(queue);
  }

  #extras(): LiveRoute['extras'] {
    if (this.#remembering.length + this.#waiting.length === 0) return undefined;
    const { dueMs } = this.#facts;
    return { remembering: this.#remembering, waiting: this.#waiting, dueMs };
  }
}
