/**
 * All exchanges and bindings in memory, durable or not. Changes are synchronous, and checked by those who ask for them
 * (`exchange-catalogue.ts`): what contradicts the state here is left undone, as when a command from the log
 * binds an exchange that an earlier one has deleted.
 */
import { BindingIndex } from './binding-index.ts';
import type { BindingDeclaration } from './exchange-commands.ts';
import { PREDECLARED, type PredeclaredExchange } from './exchange-rules.ts';
import type { ExchangeDefinition } from './exchanges.ts';
import {
  argumentsText,
  type Destination,
  LiveBinding,
  QueueEnd,
  type Source,
  StreamEnd,
  StreamSource,
} from './live-binding.ts';
import { LiveExchange } from './live-exchange.ts';

interface Namespace {
  readonly name: string;
  readonly exchanges: Map<string, LiveExchange>;
  readonly queues: Map<string, QueueEnd>;
  readonly streams: Map<string, StreamEnd>;
  readonly sources: Map<string, StreamSource>;
}

export class Topology {
  readonly #randomInteger: (end: number) => number;
  readonly #predeclared: readonly PredeclaredExchange[];
  readonly #namespaces = new Map<string, Namespace>();
  #version = 0;
  #exchangeCount = 0;
  #bindingCount = 0;
  #bindingBytes = 0;
  /** Auto-delete exchanges whose last binding has gone; whoever changes something looks after them. */
  emptied: LiveExchange[] = [];
  /** Bindings whose source is a stream have come or gone. */
  streamBindingsVersion = 0;

  /** `predeclared`: exchanges that the default namespace has beside those of every namespace. */
  constructor(
    randomInteger: (end: number) => number,
    predeclared: readonly PredeclaredExchange[] = [],
  ) {
    this.#randomInteger = randomInteger;
    this.#predeclared = predeclared;
    this.#namespace('');
  }

  get version(): number {
    return this.#version;
  }

  /** Without those that every namespace has. */
  get exchangeCount(): number {
    return this.#exchangeCount;
  }

  get bindingCount(): number {
    return this.#bindingCount;
  }

  get bindingBytes(): number {
    return this.#bindingBytes;
  }

  /** Something outside has changed that routes may depend on. */
  touch(): void {
    this.#version += 1;
  }

  namespaceNames(): string[] {
    return [...this.#namespaces.keys()];
  }

  exchange(namespace: string, name: string): LiveExchange | undefined {
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known.exchanges.get(name);
    if (name !== '' && !name.startsWith('amq.')) return undefined;
    return this.#namespace(namespace).exchanges.get(name);
  }

  exchanges(namespace: string): LiveExchange[] {
    return [...this.#namespace(namespace).exchanges.values()];
  }

  queueEnd(namespace: string, name: string): QueueEnd | undefined {
    return this.#namespaces.get(namespace)?.queues.get(name);
  }

  queueEnds(): QueueEnd[] {
    return [...this.#namespaces.values()].flatMap(({ queues }) => [...queues.values()]);
  }

  streamEnd(namespace: string, name: string): StreamEnd | undefined {
    return this.#namespaces.get(namespace)?.streams.get(name);
  }

  /** Streams that any binding names. */
  streamNames(): Set<string> {
    const names = new Set<string>();
    for (const { streams, sources } of this.#namespaces.values()) {
      for (const name of streams.keys()) names.add(name);
      for (const name of sources.keys()) names.add(name);
    }
    return names;
  }

  streamSources(namespace?: string): StreamSource[] {
    const all = [...this.#namespaces.values()];
    const chosen = namespace === undefined ? all : all.filter(({ name }) => name === namespace);
    return chosen.flatMap(({ sources }) => [...sources.values()]);
  }

  declare(namespace: string, name: string, definition: ExchangeDefinition): void {
    const { exchanges } = this.#namespace(namespace);
    if (exchanges.has(name)) return;
    const options = { predeclared: false, randomInteger: this.#randomInteger };
    exchanges.set(name, new LiveExchange(namespace, name, definition, options));
    this.#exchangeCount += 1;
    this.#version += 1;
  }

  delete(namespace: string, name: string): void {
    const exchange = this.exchange(namespace, name);
    if (exchange === undefined) return;
    if (exchange.predeclared) {
      // Written when it was an exchange like others: what was bound to it then has gone with it.
      this.#unbindAll(exchange);
      return;
    }
    this.#namespace(namespace).exchanges.delete(name);
    exchange.deleted = true;
    exchange.history?.clear();
    this.#exchangeCount -= 1;
    this.#unbindAll(exchange);
    this.#version += 1;
  }

  find(declaration: BindingDeclaration): LiveBinding | undefined {
    const source = this.#source(declaration);
    const destination = this.#destination(declaration);
    if (source === undefined || destination === undefined) return undefined;
    const text = argumentsText(declaration.arguments ?? {});
    return source.outgoing.get(declaration.key, destination, text);
  }

  /** Adds the binding, unless it is there or an exchange that it names is not. */
  bind(declaration: BindingDeclaration, durable: boolean): void {
    if (this.#source(declaration) === undefined && declaration.sourceKind !== 'stream') return;
    const destination = this.#destination(declaration) ?? this.#makeDestination(declaration);
    if (destination === undefined) return;
    const source = this.#source(declaration) ?? this.#makeSource(declaration);
    const text = argumentsText(declaration.arguments ?? {});
    if (source.outgoing.get(declaration.key, destination, text) !== undefined) return;
    const rule = { routingKey: declaration.key, argumentsText: text, durable };
    this.add(new LiveBinding(source, destination, rule));
  }

  /** Adds a binding between two ends that are there. It must not be there itself. */
  add(binding: LiveBinding): void {
    const { source, destination } = binding;
    source.outgoing.add(binding);
    destination.addIncoming(binding);
    if (source.kind === 'exchange') source.router.add(binding);
    else this.streamBindingsVersion += 1;
    this.#bindingCount += 1;
    this.#bindingBytes += bytesOf(binding);
    this.#version += 1;
  }

  remove(binding: LiveBinding): void {
    const { source, destination } = binding;
    source.outgoing.delete(binding);
    destination.deleteIncoming(binding);
    if (source.kind === 'exchange') {
      source.router.remove(binding);
      if (source.definition.autoDelete && source.outgoing.size === 0 && !source.deleted) {
        this.emptied.push(source);
      }
    } else {
      this.streamBindingsVersion += 1;
      if (source.outgoing.size === 0) {
        this.#namespace(source.namespace).sources.delete(source.name);
      }
    }
    if (!destination.hasIncoming) this.#forget(destination);
    this.#bindingCount -= 1;
    this.#bindingBytes -= bytesOf(binding);
    this.#version += 1;
  }

  queueGone(namespace: string, name: string, queueId: number): void {
    const end = this.queueEnd(namespace, name);
    if (end === undefined || end.queueId !== queueId) return;
    for (const binding of end.incoming) this.remove(binding);
  }

  streamGone(name: string): void {
    for (const { streams, sources } of [...this.#namespaces.values()]) {
      for (const binding of streams.get(name)?.incoming ?? []) this.remove(binding);
      for (const binding of sources.get(name)?.outgoing.list() ?? []) this.remove(binding);
    }
  }

  #source({ namespace, source, sourceKind }: BindingDeclaration): Source | undefined {
    if (sourceKind !== 'stream') return this.exchange(namespace, source);
    return this.#namespaces.get(namespace)?.sources.get(source);
  }

  #makeSource({ namespace, source }: BindingDeclaration): StreamSource {
    const made = new StreamSource(namespace, source, new BindingIndex());
    this.#namespace(namespace).sources.set(source, made);
    return made;
  }

  #destination({ namespace, kind, destination, queueId }: BindingDeclaration) {
    if (kind === 'exchange') return this.exchange(namespace, destination);
    const known = this.#namespaces.get(namespace);
    if (kind === 'stream') return known?.streams.get(destination);
    const end = known?.queues.get(destination);
    return end?.queueId === queueId ? end : undefined;
  }

  #makeDestination(declaration: BindingDeclaration): Destination | undefined {
    const { namespace, kind, destination } = declaration;
    const { queues, streams } = this.#namespace(namespace);
    if (kind === 'exchange') return undefined;
    if (kind === 'stream') {
      const end = new StreamEnd(namespace, destination);
      streams.set(destination, end);
      return end;
    }
    const older = queues.get(destination);
    if (older !== undefined) this.queueGone(namespace, destination, older.queueId);
    const end = new QueueEnd(namespace, destination, declaration.queueId ?? 0);
    queues.set(destination, end);
    return end;
  }

  #unbindAll(exchange: LiveExchange): void {
    for (const binding of exchange.outgoing.list()) this.remove(binding);
    for (const binding of exchange.incoming) this.remove(binding);
  }

  #forget(destination: Destination): void {
    if (destination.kind === 'exchange' || destination.kind === 'subscriber') return;
    const { queues, streams } = this.#namespace(destination.namespace);
    if (destination.kind === 'stream') streams.delete(destination.name);
    else queues.delete(destination.name);
  }

  #namespace(name: string): Namespace {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    const made: Namespace = {
      name,
      exchanges: new Map(),
      queues: new Map(),
      streams: new Map(),
      sources: new Map(),
    };
    const own = name === '' ? this.#predeclared : [];
    for (const { name: exchange, type, internal = false } of [...PREDECLARED, ...own]) {
      const definition = { type, durable: true, autoDelete: false, internal, declared: {} };
      const options = { predeclared: true, randomInteger: this.#randomInteger };
      made.exchanges.set(exchange, new LiveExchange(name, exchange, definition, options));
    }
    this.#namespaces.set(name, made);
    return made;
  }
}

function bytesOf({ routingKey, argumentsText: text }: LiveBinding): number {
  return routingKey.length + text.length;
}
