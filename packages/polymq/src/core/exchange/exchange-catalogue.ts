/**
 * Exchanges as protocols see them. A change is checked against the topology, then made in it: at once if it is
 * transient, by way of the meta log if it is durable. Whether it has succeeded is seen in the topology afterwards, since
 * other changes may have been committed in between.
 *
 * A binding is durable if both its ends are. Bindings go when one of their ends goes; an auto-delete exchange goes when
 * the last binding goes whose source it is.
 */
import type { Clock } from '../../lib/environment/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { BrokerError } from '../errors.ts';
import type { MetaWriter } from '../meta/meta-journal.ts';
import type { Queue } from '../queue/queue.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';
import type { Queues } from '../queue/queues.ts';
import { checkBinding, checkDefinition } from './binding-rules.ts';
import { type DelayQueues, isDelayQueue } from './delay-queues.ts';
import type { BindingDeclaration, ExchangeCommand } from './exchange-commands.ts';
import { checkName, type ExchangeLimits } from './exchange-rules.ts';
import type {
  Binding,
  Exchange,
  ExchangeDefinition,
  Exchanges,
  Route,
  RoutingFacts,
} from './exchanges.ts';
import type { LiveBinding } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import { LiveSubscriber, type SubscriberContext } from './live-subscriber.ts';
import type { RouteFinder } from './route-finder.ts';
import type { Receiver, Subscriber } from './subscribers.ts';
import type { Topology } from './topology.ts';

export interface ExchangeCatalogueOptions {
  topology: Topology;
  writer: MetaWriter<ExchangeCommand>;
  finder: RouteFinder;
  delayQueues: DelayQueues;
  queues: Queues;
  streamExists: (name: string) => boolean;
  limits: ExchangeLimits;
  clock: Clock;
  logger: Logger;
  /** A binding is there that was not before. */
  onBound: (binding: LiveBinding) => void;
}

export class ExchangeCatalogue implements Exchanges {
  readonly #options: ExchangeCatalogueOptions;
  readonly #topology: Topology;
  readonly #finder: RouteFinder;
  /** The last change under way of each exchange. */
  readonly #changing = new Map<string, Promise<unknown>>();
  /** What nobody waits for but `close`. */
  readonly #background = new Set<Promise<void>>();
  readonly #streamListeners = new Set<() => Promise<void> | undefined>();
  /** What the last change of bindings from streams has led to. */
  #streamsReady: Promise<unknown> = Promise.resolve();
  #streamBindingsTold: number;
  #exchangesReserved = 0;
  #bindingsReserved = 0;
  readonly #subscriberContext: SubscriberContext;
  #subscribers = 0;
  #closed = false;

  constructor(options: ExchangeCatalogueOptions) {
    this.#options = options;
    this.#topology = options.topology;
    this.#finder = options.finder;
    this.#streamBindingsTold = options.topology.streamBindingsVersion;
    this.#subscriberContext = {
      topology: options.topology,
      check: (exchange, key, values) => this.#checkLive(exchange, key, values),
      onBound: options.onBound,
      onUnbound: () => {
        options.finder.forget();
        this.#settle();
      },
    };
  }

  get version(): number {
    return this.#finder.version;
  }

  get(namespace: string, name: string): LiveExchange | undefined {
    return this.#topology.exchange(namespace, name);
  }

  list(namespace?: string): Exchange[] {
    if (namespace !== undefined) return this.#topology.exchanges(namespace);
    return this.#topology.namespaceNames().flatMap((name) => this.#topology.exchanges(name));
  }

  declare(namespace: string, name: string, definition: ExchangeDefinition): Promise<LiveExchange> {
    return this.#alone(namespace, name, async () => {
      checkName('an exchange', name, this.#options.delayQueues.nameBytesMax(definition));
      checkDefinition(definition);
      if (this.get(namespace, name) !== undefined) {
        throw new BrokerError('exchange-exists', `exchange "${name}" exists already`);
      }
      this.#checkExchangeRoom();
      this.#exchangesReserved += 1;
      try {
        return await this.#declare(namespace, name, definition);
      } finally {
        this.#exchangesReserved -= 1;
      }
    });
  }

  delete(exchange: Exchange, options: { ifUnused?: boolean } = {}): Promise<void> {
    const { namespace, name } = exchange;
    return this.#alone(namespace, name, async () => {
      const live = this.get(namespace, name);
      if (live === undefined || live !== exchange) return;
      if (live.predeclared) {
        throw new BrokerError(
          'invalid-request',
          `exchange "${name}" is there from the beginning and cannot be deleted`,
        );
      }
      if (options.ifUnused && live.outgoing.size > 0) {
        throw new BrokerError(
          'exchange-in-use',
          `exchange "${name}" has ${live.outgoing.size} bindings`,
        );
      }
      await this.#delete(live);
    });
  }

  async bind(binding: Binding): Promise<void> {
    this.#checkOpen();
    const declaration = declarationOf(binding);
    const { durable, queue } = this.#checkEnds(declaration);
    if (queue !== undefined) declaration.queueId = queue.id;
    if (this.#topology.find(declaration) !== undefined) return;
    this.#checkBindingRoom(declaration);
    this.#bindingsReserved += 1;
    try {
      if (durable) await this.#options.writer.propose({ type: 'bind', ...declaration });
      else this.#topology.bind(declaration, false);
    } finally {
      this.#bindingsReserved -= 1;
    }
    this.#settle();
    const made = this.#topology.find(declaration);
    if (made === undefined || queue?.deleted) {
      if (queue?.deleted) this.queueGone(queue);
      // Says which of them has gone in the meantime.
      this.#checkEnds(declaration);
      throw new BrokerError('invalid-binding', 'the binding was removed while it was made');
    }
    this.#options.onBound(made);
    if (binding.sourceKind === 'stream') await this.#streamsReady;
  }

  async unbind(binding: Binding): Promise<void> {
    this.#checkOpen();
    const declaration = declarationOf(binding);
    if (declaration.kind === 'queue') {
      const end = this.#topology.queueEnd(binding.namespace, binding.destination);
      if (end === undefined) return;
      declaration.queueId = end.queueId;
    }
    const known = this.#topology.find(declaration);
    if (known === undefined) return;
    if (known.durable) await this.#options.writer.propose({ type: 'unbind', ...declaration });
    else this.#topology.remove(known);
    this.#settle();
  }

  bindings(namespace?: string): Binding[] {
    const names = namespace === undefined ? this.#topology.namespaceNames() : [namespace];
    const all: Binding[] = [];
    const visitor = { visit: (binding: LiveBinding) => list(binding, all) };
    for (const name of names) {
      for (const { outgoing } of this.#topology.exchanges(name)) outgoing.visitAll(visitor);
      for (const { outgoing } of this.#topology.streamSources(name)) outgoing.visitAll(visitor);
    }
    return all;
  }

  bindingsOf(exchange: Exchange): Binding[] {
    const all: Binding[] = [];
    (exchange as LiveExchange).outgoing.visitAll({ visit: (binding) => list(binding, all) });
    return all;
  }

  /** Bindings that lead to the queue, stream or exchange. */
  bindingsTo(kind: Binding['destinationKind'], namespace: string, name: string): Binding[] {
    const end = {
      queue: () => this.#topology.queueEnd(namespace, name),
      stream: () => this.#topology.streamEnd(namespace, name),
      exchange: () => this.get(namespace, name),
    }[kind]();
    const all: Binding[] = [];
    for (const binding of end?.incoming ?? []) list(binding, all);
    return all;
  }

  route(exchange: Exchange, routingKeys: readonly string[], facts: RoutingFacts): Route {
    return this.#finder.route(exchange as LiveExchange, routingKeys, facts);
  }

  subscribe(namespace: string, receiver: Receiver, owner: unknown): Subscriber {
    const name = `subscriber-${this.#subscribers++}`;
    return new LiveSubscriber(this.#subscriberContext, { namespace, name }, receiver, owner);
  }

  /** Bindings whose source is a stream: their records are to be routed on. */
  streamBindings(): Binding[] {
    const all: Binding[] = [];
    const visitor = { visit: (binding: LiveBinding) => list(binding, all) };
    for (const { outgoing } of this.#topology.streamSources()) outgoing.visitAll(visitor);
    return all;
  }

  /**
   * Calls `listener` when `streamBindings` has changed; a binding from a stream is made when its promise resolves. Returns
   * a function that stops it.
   */
  onStreamBindingsChanged(listener: () => Promise<void> | undefined): () => void {
    this.#streamListeners.add(listener);
    return () => this.#streamListeners.delete(listener);
  }

  /** A queue was deleted: its bindings are gone at once, and from the log soon. */
  queueGone(queue: Queue): void {
    this.#options.delayQueues.queueGone(queue);
    const { namespace, name, id: queueId } = queue;
    const end = this.#topology.queueEnd(namespace, name);
    if (end === undefined || end.queueId !== queueId) return;
    const durable = end.incoming.some((binding) => binding.durable);
    this.#topology.queueGone(namespace, name, queueId);
    if (durable) this.#record({ type: 'queue-gone', namespace, name, queueId });
    this.#settle();
  }

  /** A stream was made or deleted: routes may be others now, and bindings of a deleted one go. */
  streamChanged(name: string): void {
    this.#topology.touch();
    if (this.#options.streamExists(name) || !this.#topology.streamNames().has(name)) return;
    this.#topology.streamGone(name);
    this.#record({ type: 'stream-gone', name });
    this.#settle();
  }

  /** Drops bindings whose queue or stream has gone since they were made, at start. */
  async dropOrphans(): Promise<void> {
    const { queues, streamExists } = this.#options;
    for (const { namespace, name, queueId } of this.#topology.queueEnds()) {
      if (queues.get(namespace, name)?.id === queueId) continue;
      this.#topology.queueGone(namespace, name, queueId);
      this.#record({ type: 'queue-gone', namespace, name, queueId });
    }
    for (const name of this.#topology.streamNames())
      if (!streamExists(name)) this.streamChanged(name);
    await Promise.allSettled(this.#background);
    this.#settle();
  }

  /** Refuses further changes and waits for those under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#changing.values(), ...this.#background]);
  }

  async #declare(
    namespace: string,
    name: string,
    definition: ExchangeDefinition,
  ): Promise<LiveExchange> {
    const { delayQueues, writer } = this.#options;
    const queue = await delayQueues.make(namespace, name, definition);
    try {
      if (definition.durable) {
        await writer.propose({ type: 'declare', namespace, name, definition });
      } else this.#topology.declare(namespace, name, definition);
    } catch (error: unknown) {
      if (queue !== undefined) await delayQueues.remove(queue);
      throw error;
    }
    const live = this.get(namespace, name)!;
    if (queue !== undefined) delayQueues.attach(live, queue);
    return live;
  }

  async #delete(live: LiveExchange): Promise<void> {
    const { namespace, name, definition, delayQueue } = live;
    if (definition.durable) {
      await this.#options.writer.propose({ type: 'delete', namespace, name });
    } else this.#topology.delete(namespace, name);
    this.#settle();
    if (delayQueue !== undefined) await this.#options.delayQueues.remove(delayQueue);
  }

  /** Looks after what a change has led to. */
  #settle(): void {
    const { emptied } = this.#topology;
    this.#topology.emptied = [];
    for (const exchange of emptied) this.#inBackground(this.#deleteIfEmpty(exchange));
    const version = this.#topology.streamBindingsVersion;
    if (version === this.#streamBindingsTold) return;
    this.#streamBindingsTold = version;
    this.#streamsReady = Promise.all([...this.#streamListeners].map((listener) => listener()));
    // Whoever has bound something waits for it; a deletion does not.
    this.#streamsReady.catch(() => undefined);
  }

  #deleteIfEmpty(exchange: LiveExchange): Promise<void> {
    if (!exchange.definition.durable) {
      // At once, so that nobody finds it who knows that its last binding has gone.
      if (exchange.deleted || exchange.outgoing.size > 0) return Promise.resolve();
      return this.#delete(exchange);
    }
    return this.#alone(exchange.namespace, exchange.name, async () => {
      if (exchange.deleted || exchange.outgoing.size > 0) return;
      await this.#delete(exchange);
    });
  }

  #record(command: ExchangeCommand): void {
    // A moment later, so that it comes after the deletion itself in the log.
    const proposed = Promise.resolve().then(() => this.#options.writer.propose(command));
    this.#inBackground(proposed);
  }

  #inBackground(work: Promise<void>): void {
    const quiet = work.catch((error: unknown) => {
      // The next start finds what was to be removed and removes it again.
      this.#options.logger.warn({ error }, 'could not record that bindings were removed');
    });
    const tracked = quiet.finally(() => this.#background.delete(tracked));
    this.#background.add(tracked);
  }

  #checkEnds(declaration: BindingDeclaration): { durable: boolean; queue: Queue | undefined } {
    const { namespace, source, destination, kind } = declaration;
    let durable = true;
    let definition: ExchangeDefinition | undefined;
    if (declaration.sourceKind === 'stream') this.#checkStream(source);
    else {
      if (source === '') throw defaultTakesNone();
      definition = this.#expect(namespace, source).definition;
      durable = definition.durable;
    }
    checkBinding(declaration, definition, this.#options.limits.argumentsBytesMax);
    if (kind === 'stream') this.#checkStream(destination);
    if (kind === 'exchange') {
      if (destination === '') {
        throw new BrokerError('invalid-binding', 'no binding can lead to the default exchange');
      }
      durable &&= this.#expect(namespace, destination).definition.durable;
    }
    if (kind !== 'queue') return { durable, queue: undefined };
    const queue = this.#options.queues.get(namespace, destination);
    if (queue === undefined || isDelayQueue(destination)) {
      throw new BrokerError('unknown-queue', `there is no queue "${destination}"`);
    }
    durable &&= queue.definition.durable && !queue.definition.exclusive;
    return { durable, queue };
  }

  #checkLive({ name, definition }: LiveExchange, key: string, values: DeclaredValues): void {
    if (name === '') throw defaultTakesNone();
    const declaration = { key, arguments: values };
    checkBinding(declaration, definition, this.#options.limits.argumentsBytesMax);
    this.#checkBindingRoom(declaration);
  }

  #expect(namespace: string, name: string): LiveExchange {
    const exchange = this.get(namespace, name);
    if (exchange === undefined) {
      throw new BrokerError('unknown-exchange', `there is no exchange "${name}"`);
    }
    return exchange;
  }

  #checkStream(name: string): void {
    if (this.#options.streamExists(name)) return;
    throw new BrokerError('unknown-stream', `there is no stream "${name}"`);
  }

  #checkExchangeRoom(): void {
    const { exchangesMax } = this.#options.limits;
    if (this.#topology.exchangeCount + this.#exchangesReserved < exchangesMax) return;
    throw new BrokerError(
      'limit-reached',
      `this broker takes no more than ${exchangesMax} exchanges; delete some`,
    );
  }

  #checkBindingRoom({
    key,
    arguments: values,
  }: Pick<BindingDeclaration, 'key' | 'arguments'>): void {
    const { bindingsMax, bindingBytesMax } = this.#options.limits;
    if (this.#topology.bindingCount + this.#bindingsReserved >= bindingsMax) {
      throw new BrokerError(
        'limit-reached',
        `this broker takes no more than ${bindingsMax} bindings; remove some`,
      );
    }
    const bytes = key.length + (values === undefined ? 0 : JSON.stringify(values).length);
    if (this.#topology.bindingBytes + bytes <= bindingBytesMax) return;
    throw new BrokerError(
      'limit-reached',
      `the keys and arguments of all bindings may have ${bindingBytesMax} bytes; remove some`,
    );
  }

  #checkOpen(): void {
    if (this.#closed) throw new BrokerError('stopping', 'the broker is shutting down');
  }

  /** Runs `task` when earlier changes of the exchange have ended, well or not. */
  async #alone<T>(namespace: string, name: string, task: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const key = `${namespace}\0${name}`;
    const before = this.#changing.get(key);
    const running = before === undefined ? task() : before.then(task, task);
    this.#changing.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#changing.get(key) === running) this.#changing.delete(key);
    }
  }
}

/** Adds the binding to the list, if it is one to be shown. */
function list(binding: LiveBinding, all: Binding[]): void {
  const shown = binding.toBinding();
  if (shown !== undefined) all.push(shown);
}

function defaultTakesNone(): BrokerError {
  return new BrokerError(
    'invalid-binding',
    'the default exchange leads to every queue by its name and takes no bindings',
  );
}

function declarationOf(binding: Binding): BindingDeclaration {
  const { namespace, source, destination, destinationKind, routingKey } = binding;
  let empty = true;
  for (const _ in binding.arguments) empty = false;
  return {
    namespace,
    source,
    ...(binding.sourceKind === 'stream' && { sourceKind: 'stream' as const }),
    kind: destinationKind,
    destination,
    key: routingKey,
    ...(!empty && { arguments: binding.arguments }),
  };
}
