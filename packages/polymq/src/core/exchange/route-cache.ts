/**
 * Routes that were found already, kept with their exchange by routing key. Everything is forgotten when anything was
 * declared, bound or deleted since, and when there is too much of it, which is cheaper than knowing what is old.
 */
import type { LiveExchange } from './live-exchange.ts';
import type { LiveRoute } from './live-route.ts';

export interface RouteCacheLimits {
  routesMax: number;
  /** Queues, streams and live subscribers in all routes together: one route may name 100,000. */
  destinationsMax: number;
}

export const ROUTE_CACHE_LIMITS: Readonly<RouteCacheLimits> = Object.freeze({
  routesMax: 65_536,
  destinationsMax: 1_048_576,
});

export class RouteCache {
  readonly #limits: RouteCacheLimits;
  #forgotten = 0;
  #routes = 0;
  #destinations = 0;
  #stamp = -1;
  /** Exchanges that hold routes, current or not. */
  readonly #holders = new Set<LiveExchange>();

  constructor(limits: RouteCacheLimits = ROUTE_CACHE_LIMITS) {
    this.#limits = limits;
  }

  /** The route of all messages with the key, if it is known and not older than `version`. */
  get(exchange: LiveExchange, routingKey: string, version: number): LiveRoute | undefined {
    if (exchange.cachedAt !== version + this.#forgotten) return undefined;
    return exchange.fixedRoute ?? exchange.routes.get(routingKey);
  }

  /** `routingKey` undefined: for every key. */
  set(
    exchange: LiveExchange,
    routingKey: string | undefined,
    version: number,
    route: LiveRoute,
  ): void {
    const destinations = destinationsOf(route);
    if (destinations > this.#limits.destinationsMax) return;
    this.#makeRoom(version, destinations);
    exchange.cachedAt = this.#stamp;
    this.#holders.add(exchange);
    if (routingKey === undefined) exchange.fixedRoute = route;
    else exchange.routes.set(routingKey, route);
    this.#routes += 1;
    this.#destinations += destinations;
  }

  /** Lets go of what the routes name. They cost as much to find as to forget. */
  clear(): void {
    if (this.#holders.size === 0) return;
    this.#forgotten += 1;
    this.#drop();
  }

  #makeRoom(version: number, destinations: number): void {
    const { routesMax, destinationsMax } = this.#limits;
    const full = this.#routes >= routesMax || this.#destinations + destinations > destinationsMax;
    if (full) this.#forgotten += 1;
    const stamp = version + this.#forgotten;
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#drop();
  }

  #drop(): void {
    for (const exchange of this.#holders) {
      exchange.routes.clear();
      exchange.fixedRoute = undefined;
    }
    this.#holders.clear();
    this.#routes = 0;
    this.#destinations = 0;
  }
}

function destinationsOf({ queues, streams, receivers }: LiveRoute): number {
  let count = queues.length + streams.length;
  for (const { targets } of receivers) count += targets.length;
  return count;
}
