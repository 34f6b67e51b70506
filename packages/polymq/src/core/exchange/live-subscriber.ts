/**
 * The bindings of one live subscriber, beside all others in the topology and in no log. They are counted, limited and
 * found as others are; what is different is that they are made and removed at once, and go with the subscriber.
 */
import { BrokerError } from '../errors.ts';
import type { DeclaredValues } from '../queue/queue-definition.ts';
import { argumentsText, type LiveBinding } from './live-binding.ts';
import type { LiveExchange } from './live-exchange.ts';
import { SubscriberBinding, SubscriberEnd } from './subscriber-end.ts';
import type { Receiver, Subscriber } from './subscribers.ts';
import type { Topology } from './topology.ts';

/** What binding needs of the catalogue. */
export interface SubscriberContext {
  readonly topology: Topology;
  /** Throws if there can be no such binding, or no further one. */
  check(exchange: LiveExchange, routingKey: string, values: DeclaredValues): void;
  onBound(binding: LiveBinding): void;
  /** Bindings have gone. */
  onUnbound(): void;
}

const NO_VALUES: DeclaredValues = Object.freeze({});

/** The bindings of one live subscriber, in the topology beside all others, and never in the log. */
export class LiveSubscriber implements Subscriber {
  readonly #context: SubscriberContext;
  readonly #end: SubscriberEnd;
  #closed = false;

  /** `name`: unlike that of any other subscriber of the namespace. */
  constructor(
    context: SubscriberContext,
    { namespace, name }: { namespace: string; name: string },
    receiver: Receiver,
    owner: unknown,
  ) {
    this.#context = context;
    this.#end = new SubscriberEnd(namespace, name, receiver, owner);
  }

  get bindingCount(): number {
    return this.#end.incomingCount;
  }

  bind(exchange: string, routingKey: string, tag: unknown, values = NO_VALUES): void {
    if (this.#closed) return;
    const { topology } = this.#context;
    const source = topology.exchange(this.#end.namespace, exchange);
    if (source === undefined) {
      throw new BrokerError('unknown-exchange', `there is no exchange "${exchange}"`);
    }
    const text = argumentsText(values);
    const known = source.outgoing.get(routingKey, this.#end, text) as SubscriberBinding | undefined;
    if (known !== undefined) {
      this.#retag(known, tag);
      return;
    }
    this.#context.check(source, routingKey, values);
    const rule = { routingKey, argumentsText: text, tag };
    const binding = new SubscriberBinding(source, this.#end, rule);
    topology.add(binding);
    this.#context.onBound(binding);
  }

  unbind(exchange: string, routingKey: string, values = NO_VALUES): boolean {
    const { topology } = this.#context;
    const source = topology.exchange(this.#end.namespace, exchange);
    const binding = source?.outgoing.get(routingKey, this.#end, argumentsText(values));
    if (binding === undefined) return false;
    topology.remove(binding);
    this.#context.onUnbound();
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { incoming } = this.#end;
    if (incoming.length === 0) return;
    for (const binding of incoming) this.#context.topology.remove(binding);
    this.#context.onUnbound();
  }

  /** Routes that are known have the old tag. */
  #retag(binding: SubscriberBinding, tag: unknown): void {
    if (binding.tag === tag) return;
    binding.tag = tag;
    this.#context.topology.touch();
  }
}
