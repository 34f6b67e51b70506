/**
 * The pieces of the binding graph in memory. A binding knows both its ends as objects, and each end knows its bindings,
 * so that unbinding one of 100,000 and dropping all of one end need no search.
 *
 *   LiveExchange ──outgoing──► LiveBinding ──destination──► QueueEnd | StreamEnd | LiveExchange
 *   StreamSource ──outgoing──►     │
 *                                  └◄──incoming── the destination
 */
import type { Queue } from '../queue/queue.ts';
import type { DeclaredValue, DeclaredValues } from '../queue/queue-definition.ts';
import type { BindingIndex } from './binding-index.ts';
import type { Binding } from './exchanges.ts';
import type { LiveExchange } from './live-exchange.ts';

const NO_ARGUMENTS: DeclaredValues = Object.freeze({});

/** A queue that bindings lead to. */
export class QueueEnd {
  readonly kind = 'queue' as const;
  readonly namespace: string;
  readonly name: string;
  /** Tells the queue from a later one of the same name. */
  readonly queueId: number;
  /** Looked up when it is first needed. */
  queue: Queue | undefined = undefined;
  readonly incoming: Set<LiveBinding> = new Set();

  constructor(namespace: string, name: string, queueId: number) {
    this.namespace = namespace;
    this.name = name;
    this.queueId = queueId;
  }
}

/** A stream that bindings lead to. */
export class StreamEnd {
  readonly kind = 'stream' as const;
  readonly namespace: string;
  readonly name: string;
  readonly incoming: Set<LiveBinding> = new Set();

  constructor(namespace: string, name: string) {
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

export type Destination = QueueEnd | StreamEnd | LiveExchange;
export type Source = StreamSource | LiveExchange;

export class LiveBinding {
  readonly source: Source;
  readonly destination: Destination;
  readonly routingKey: string;
  /** The arguments as canonical JSON, '' if there are none: equal texts, equal arguments. */
  readonly argumentsText: string;
  readonly arguments: DeclaredValues;
  readonly durable: boolean;

  constructor(source: Source, destination: Destination, rule: BindingRule) {
    this.source = source;
    this.destination = destination;
    this.routingKey = rule.routingKey;
    this.argumentsText = rule.argumentsText;
    this.arguments = rule.argumentsText === '' ? NO_ARGUMENTS : rule.arguments;
    this.durable = rule.durable;
  }

  toBinding(): Binding {
    const { source, destination, routingKey } = this;
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
  arguments: DeclaredValues;
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
