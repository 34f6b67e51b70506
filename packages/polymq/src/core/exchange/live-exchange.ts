import type { Queue } from '../queue/queue.ts';
import { BindingIndex } from './binding-index.ts';
import type { Exchange, ExchangeDefinition } from './exchanges.ts';
import { BindingEnd } from './live-binding.ts';
import type { LiveRoute } from './live-route.ts';
import type { RecentHistory } from './recent-history.ts';
import { createRouter } from './routers/create-router.ts';
import type { Router } from './routers/router.ts';

/** An exchange with its bindings, its way to route by them, and the routes found already. */
export class LiveExchange extends BindingEnd implements Exchange {
  readonly kind = 'exchange' as const;
  readonly namespace: string;
  readonly name: string;
  readonly definition: ExchangeDefinition;
  /** Exists in every namespace and cannot be deleted. */
  readonly predeclared: boolean;
  readonly outgoing: BindingIndex = new BindingIndex();
  readonly router: Router;
  /** Kept by the route cache. */
  readonly routes: Map<string, LiveRoute> = new Map();
  /** The route of all messages, if it depends on nothing. Kept by the route cache. */
  fixedRoute: LiveRoute | undefined = undefined;
  cachedAt = -1;
  /** Where messages wait for their time, and the route that leads there. */
  delayQueue: Queue | undefined = undefined;
  delayRoute: LiveRoute | undefined = undefined;
  /** The newest messages, once there are any. */
  history: RecentHistory | undefined = undefined;
  deleted = false;

  constructor(
    namespace: string,
    name: string,
    definition: ExchangeDefinition,
    options: { predeclared: boolean; randomInteger: (end: number) => number },
  ) {
    super();
    this.namespace = namespace;
    this.name = name;
    this.definition = definition;
    this.predeclared = options.predeclared;
    this.router = createRouter(definition, this.outgoing, options.randomInteger);
  }

  get bindingCount(): number {
    return this.outgoing.size;
  }
}
