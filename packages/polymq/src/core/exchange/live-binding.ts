/**
 * The pieces of the binding graph in memory. A binding knows both its ends as objects, and each end knows its bindings,
 * so that unbinding one of 100,000 and dropping all of one end need no search.
 *
 *   LiveExchange ──outgoing──► LiveBinding ──destination──► QueueEnd | StreamEnd | LiveExchange | SubscriberEnd
 *   StreamSource ──outgoing──►     │
 *                                  └◄──incoming── the destination
 */
import type { Queue } from '../queue/queue.ts';
import type { DeclaredValue, DeclaredValues } from '../queue/queue-definition.ts';
import type { BindingIndex } from './binding-index.ts';
import type { Binding } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';
import type { SubscriberEnd } from './subscriber-end.ts';

const NO_ARGUMENTS: DeclaredValues = Object.freeze({});

/** What bindings lead to. Most queues have one binding, so a set is made only for the second. */
export class BindingEnd {
  #incoming: LiveBinding | Set<LiveBinding> | undefined = undefined;

  /** The bindings that lead here; a copy, so that they may be removed while going through it. */
  get incoming(): LiveBinding[] {
    const known = this.#incoming;
    if (known === undefined) return [];
    return known instanceof Set ? [...known] : [known];
  }

  get hasIncoming(): boolean {
    return this.#incoming !== undefined;
  }

  get incomingCount(): number {
    const known = this.#incoming;
    if (known === undefined) return 0;
    return known instanceof Set ? known.size : 1;
  }

  /** The binding must not be there. */
  addIncoming(binding: LiveBinding): void {
    const known = this.#incoming;
    if (known === undefined) this.#incoming = binding;
    else if (known instanceof Set) known.add(binding);
    else this.#incoming = new Set([known, binding]);
  }

  /** The binding must be there. */
  deleteIncoming(binding: LiveBinding): void {
    const known = this.#incoming;
    if (known instanceof Set) {
      known.delete(binding);
      if (known.size > 0) return;
    }
    this.#incoming = undefined;
  }
}

/** A queue that bindings lead to. */
export class QueueEnd extends BindingEnd {
  readonly kind = 'queue' as const;
  readonly namespace: string;
  readonly name: string;
  /** Tells the queue from a later one of the same name. */
  readonly queueId: number;
  /** Looked up when it is first needed. */
  queue: Queue | undefined = undefined;

  constructor(namespace: string, name: string, queueId: number) {
    super();
    this.namespace = namespace;
    this.name = name;
    this.queueId = queueId;
  }
}

/** A stream that bindings lead to. */
export class StreamEnd extends BindingEnd {
  readonly kind = 'stream' as const;
  readonly namespace: string;
  readonly name: string;

  constructor(namespace: string, name: string) {
    super();
    this.namespace = namespace;
    this.name = name;
  }
}

/** A stream whose records are routed on. */
export class StreamSource {
  readonly kind = 'stream' as const;
  readonly namespace: string;
  readonly name: string;
  readonly outgoing: BindingIndex;

  constructor(namespace: string, name: string, outgoing: BindingIndex) {
    this.namespace = namespace;
    this.name = name;
    this.outgoing = outgoing;
  }
}

export type Destination = QueueEnd | StreamEnd | LiveExchange | SubscriberEnd;
export type Source = StreamSource | LiveExchange;

export class LiveBinding {
  readonly source: Source;
  readonly destination: Destination;
  readonly routingKey: string;
  /** The arguments as canonical JSON, '' if there are none: equal texts, equal arguments. */
  readonly argumentsText: string;
  readonly durable: boolean;

  constructor(source: Source, destination: Destination, rule: BindingRule) {
    this.source = source;
    this.destination = destination;
    this.routingKey = rule.routingKey;
    this.argumentsText = rule.argumentsText;
    this.durable = rule.durable;
  }

  /** Made anew each time: there may be a million bindings, and few are asked. */
  get arguments(): DeclaredValues {
    const text = this.argumentsText;
    return text === '' ? NO_ARGUMENTS : (JSON.parse(text) as DeclaredValues);
  }

  /** Undefined if it leads to a live subscriber: those have no name, and nobody else's business. */
  toBinding(): Binding | undefined {
    const { source, destination, routingKey } = this;
    if (destination.kind === 'subscriber') return undefined;
    return {
      namespace: source.namespace,
      source: source.name,
      ...(source.kind === 'stream' && { sourceKind: 'stream' as const }),
      destination: destination.name,
      destinationKind: destination.kind,
      routingKey,
      arguments: this.arguments,
    };
  }
}

export interface BindingRule {
  routingKey: string;
  argumentsText: string;
  durable: boolean;
}

/** Whoever is shown bindings one by one. */
export interface BindingVisitor {
  visit(binding: LiveBinding): void;
}

/** Arguments as text that is equal for equal arguments, whatever the order of their names. */
export function argumentsText(values: DeclaredValues): string {
  for (const _ in values) return JSON.stringify(sorted(values));
  return '';
}

function sorted(value: DeclaredValue): DeclaredValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as DeclaredValues).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
