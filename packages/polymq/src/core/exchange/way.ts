/**
 * One search for where a message goes: from exchange to exchange, as their bindings lead, each exchange and each
 * destination once. An exchange none of whose bindings wants the message hands it to its alternate, if there is one.
 */
import type { Queue } from '../queue/queue.ts';
import type { RoutingFacts } from './exchanges.ts';
import type { BindingVisitor, LiveBinding, QueueEnd } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import { LiveRoute } from './live-route.ts';
import type { SubscriberBinding, SubscriberEnd } from './subscriber-end.ts';
import type { Receiver, ReceiverTargets, SubscriberTarget } from './subscribers.ts';

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

/** Up to so many, looking through a list is faster than a set. */
const LIST_MAX = 16;

/** What was reached, each once, in the order of being reached. */
class Reached<T> {
  readonly list: T[] = [];
  #set: Set<T> | undefined;

  add(item: T): void {
    const { list } = this;
    if (list.length < LIST_MAX) {
      if (!list.includes(item)) list.push(item);
      return;
    }
    this.#set ??= new Set(list);
    if (this.#set.has(item)) return;
    this.#set.add(item);
    list.push(item);
  }
}

/** Targets by receiver, in the order of being reached. */
class ReachedSubscribers {
  readonly list: ReceiverTargets[] = [];
  readonly #byReceiver = new Map<Receiver, SubscriberTarget[]>();

  add(receiver: Receiver, target: SubscriberTarget): void {
    const known = this.#byReceiver.get(receiver);
    if (known !== undefined) {
      known.push(target);
      return;
    }
    const targets = [target];
    this.#byReceiver.set(receiver, targets);
    this.list.push({ receiver, targets });
  }
}

/** How many searches there were: each has a number of its own. */
let searches = 0;

const NONE: readonly never[] = Object.freeze([]);

export class Way implements BindingVisitor {
  readonly #guide: WayGuide;
  readonly #keys: readonly string[];
  readonly #facts: RoutingFacts;
  readonly #queues = new Reached<Queue>();
  readonly #exchanges = new Reached<LiveExchange>();
  readonly #number = ++searches;
  #streams: Reached<string> | undefined;
  #subscribers: ReachedSubscribers | undefined;
  #remembering: LiveExchange[] | undefined;
  #waiting: Queue[] | undefined;
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
    this.#exchanges.add(start);
    const { list } = this.#exchanges;
    for (let at = 0; at < list.length; at++) {
      const exchange = list[at]!;
      if (exchange === start || !this.#waits(exchange)) this.#pass(exchange);
    }
    const cacheable = this.cacheable && start.definition.delayed !== true;
    return new LiveRoute(this.#queues.list, this.#streams?.list ?? NONE, {
      cacheable,
      extras: this.#extras(),
      receivers: this.#subscribers?.list ?? NONE,
    });
  }

  visit(binding: LiveBinding): void {
    const { destination } = binding;
    this.#matched = true;
    if (destination.kind === 'exchange') this.#exchanges.add(destination);
    else if (destination.kind === 'stream') this.#reachStream(destination.name);
    else if (destination.kind === 'subscriber') {
      this.#reachSubscriber(destination, binding as SubscriberBinding);
    } else this.#deliver(destination.queue ?? this.#guide.queueOf(destination));
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
      if (definition.type === 'recent-history') this.#remember(exchange);
      router.route(this.#keys, this.#facts, this);
    }
    if (this.#matched || definition.alternate === undefined) return;
    const alternate = this.#guide.exchange(namespace, definition.alternate);
    if (alternate !== undefined) this.#exchanges.add(alternate);
  }

  /** The default exchange leads to the queue, else to the stream, whose name is the routing key. */
  #passDefault(namespace: string, key: string): void {
    const queue = this.#guide.queue(namespace, key);
    if (queue !== undefined) this.#deliver(queue);
    else if (namespace === '' && this.#guide.streamExists(key)) this.#reachStream(key);
  }

  /** Whether the message goes no further here until its time has come. */
  #waits(exchange: LiveExchange): boolean {
    if (exchange.definition.delayed !== true) return false;
    this.cacheable = false;
    const queue = exchange.delayQueue;
    if (queue === undefined || !this.#guide.isFuture(this.#facts.dueMs)) return false;
    this.#waiting ??= [];
    this.#waiting.push(queue);
    return true;
  }

  #remember(exchange: LiveExchange): void {
    this.#remembering ??= [];
    this.#remembering.push(exchange);
  }

  #reachStream(name: string): void {
    this.#streams ??= new Reached();
    this.#streams.add(name);
  }

  #reachSubscriber(end: SubscriberEnd, binding: SubscriberBinding): void {
    const target = end.reach(binding, this.#number);
    if (target === undefined) return;
    this.#subscribers ??= new ReachedSubscribers();
    this.#subscribers.add(end.receiver, target);
  }

  #deliver(queue: Queue | undefined): void {
    if (queue !== undefined) this.#queues.add(queue);
  }

  #extras(): LiveRoute['extras'] {
    const { dueMs } = this.#facts;
    const [remembering, waiting] = [this.#remembering, this.#waiting];
    if (remembering === undefined && waiting === undefined) return undefined;
    return { remembering: remembering ?? NONE, waiting: waiting ?? NONE, dueMs };
  }
}
