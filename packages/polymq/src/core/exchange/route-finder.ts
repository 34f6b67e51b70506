/**
 * Finds routes and keeps them. A route that is known costs one look-up; one that has to be searched is kept if it
 * depends on nothing but the routing key.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { Queue } from '../queue/queue.ts';
import type { Queues } from '../queue/queues.ts';
import { isDelayQueue } from './delay-queues.ts';
import type { RoutingFacts } from './exchanges.ts';
import type { QueueEnd } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { LiveRoute } from './live-route.ts';
import { RouteCache, type RouteCacheLimits } from './route-cache.ts';
import type { Topology } from './topology.ts';
import { Way, type WayGuide } from './way.ts';

export interface RouteFinderOptions {
  topology: Topology;
  queues: Queues;
  streamExists: (name: string) => boolean;
  clock: Clock;
  cacheLimits?: RouteCacheLimits;
}

export class RouteFinder {
  readonly #topology: Topology;
  readonly #queues: Queues;
  readonly #clock: Clock;
  readonly #cache: RouteCache;
  readonly #guide: WayGuide;

  constructor({ topology, queues, streamExists, clock, cacheLimits }: RouteFinderOptions) {
    this.#topology = topology;
    this.#queues = queues;
    this.#clock = clock;
    this.#cache = new RouteCache(cacheLimits);
    this.#guide = {
      queueOf: (end) => this.#queueOf(end),
      exchange: (namespace, name) => topology.exchange(namespace, name),
      queue: (namespace, name) => (isDelayQueue(name) ? undefined : queues.get(namespace, name)),
      streamExists,
      isFuture: (dueMs) => dueMs > clock.nowMs(),
    };
  }

  /** Both only grow, so their sum is another one after every change. */
  get version(): number {
    return this.#topology.version + this.#queues.version;
  }

  route(exchange: LiveExchange, routingKeys: readonly string[], facts: RoutingFacts): LiveRoute {
    const { delayRoute } = exchange;
    if (delayRoute !== undefined && facts.dueMs > this.#clock.nowMs()) return delayRoute;
    return this.routeDue(exchange, routingKeys, facts);
  }

  /** As if the exchange itself did not delay. */
  routeDue(exchange: LiveExchange, routingKeys: readonly string[], facts: RoutingFacts): LiveRoute {
    if (routingKeys.length === 1) {
      const known = this.#cache.get(exchange, routingKeys[0]!, this.version);
      if (known !== undefined) return known;
    }
    const way = new Way(this.#guide, routingKeys, facts);
    const route = way.search(exchange);
    if (way.cacheable && (routingKeys.length === 1 || !way.keyed)) {
      this.#cache.set(exchange, way.keyed ? routingKeys[0] : undefined, this.version, route);
    }
    return route;
  }

  /** Lets go of what known routes name, such as subscribers that have gone. */
  forget(): void {
    this.#cache.clear();
  }

  #queueOf(end: QueueEnd): Queue | undefined {
    const queue = this.#queues.get(end.namespace, end.name);
    if (queue === undefined || queue.id !== end.queueId) return undefined;
    end.queue = queue;
    return queue;
  }
}
