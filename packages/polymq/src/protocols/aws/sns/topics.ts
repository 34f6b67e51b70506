/**
 * The topics: exchanges whose names SNS can have, and what SNS alone knows of them (attributes, tags, a policy), which is in the
 * document `aws/topic/<name>`. An exchange of type `fanout` that was declared over AMQP is a topic too, without a document until
 * something is set.
 *
 * An exchange may be deleted, and declared again, over AMQP: a document then is of the one before. A topic made here has an id in
 * its declaration and in its document; where they differ the document counts for nothing. A `fanout` one has no id: that it is
 * another one is seen by the object.
 */
import type { Broker } from '../../../core/broker.ts';
import type { Exchange, ExchangeType } from '../../../core/exchange/exchanges.ts';
import type { DeclaredValues } from '../../../core/queue/queue-definition.ts';
import type { Environment } from '../../../lib/environment/environment.ts';
import type { AttributeTexts } from './topic-attributes.ts';

export interface Topic {
  readonly name: string;
  /** Never used again by another topic; empty for one that was declared over AMQP. */
  readonly id: string;
  readonly fifo: boolean;
  readonly exchange: Exchange;
  readonly attributes: AttributeTexts;
  readonly tags: Readonly<Record<string, string>>;
  readonly dataProtectionPolicy: string;
}

/** What can be changed of one. */
export type TopicState = Pick<Topic, 'attributes' | 'tags' | 'dataProtectionPolicy'>;

const TOPIC_TYPE: ExchangeType = 'filter';
const DOCUMENTS = 'aws/topic/';
const NAME = /^[A-Za-z0-9_-]{1,256}$/;
const FIFO_SUFFIX = '.fifo';
const EMPTY_STATE: TopicState = { attributes: {}, tags: {}, dataProtectionPolicy: '' };

/** Whether SNS can have a topic of that name. */
export function isTopicName(name: string, fifo: boolean): boolean {
  if (!fifo) return NAME.test(name);
  return (
    name.length <= 256 &&
    name.endsWith(FIFO_SUFFIX) &&
    NAME.test(name.slice(0, -FIFO_SUFFIX.length))
  );
}

export class Topics {
  readonly #broker: Broker;
  readonly #environment: Environment;
  readonly #known = new Map<string, Topic>();
  /** Called when the exchange of a topic with that name is another one than before, or gone. */
  onReplaced: (name: string) => void = () => {};

  constructor(broker: Broker, environment: Environment) {
    this.#broker = broker;
    this.#environment = environment;
  }

  get(name: string): Topic | undefined {
    const known = this.#known.get(name);
    const exchange = this.#broker.exchanges.get('', name);
    if (known !== undefined && known.exchange === exchange) return known;
    if (known !== undefined) {
      this.#known.delete(name);
      this.onReplaced(name);
    }
    if (exchange === undefined || !isTopic(exchange)) return undefined;
    const topic = { ...this.#identity(exchange), ...this.#stored(exchange, known !== undefined) };
    this.#known.set(name, topic);
    return topic;
  }

  /** In the order of names. */
  list(): Topic[] {
    const topics: Topic[] = [];
    for (const exchange of this.#broker.exchanges.list('')) {
      const topic = isTopic(exchange) ? this.get(exchange.name) : undefined;
      if (topic !== undefined) topics.push(topic);
    }
    return topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Makes one; there must be none of that name. Durable when the promise resolves. */
  async create(name: string, state: TopicState): Promise<Topic> {
    const { exchanges } = this.#broker;
    const id = this.#environment.random.uuid();
    // The document first: of a topic that is there, nothing may be missing after a crash.
    await this.#put(name, id, state);
    await exchanges.declare('', name, {
      type: TOPIC_TYPE,
      durable: true,
      autoDelete: false,
      internal: false,
      declared: { sns: { id } },
    });
    this.#known.delete(name);
    return this.get(name)!;
  }

  /** Durable, and seen by `get`, when the promise resolves. */
  async change(topic: Topic, state: Partial<TopicState>): Promise<Topic> {
    const { attributes, tags, dataProtectionPolicy } = { ...topic, ...state };
    await this.#put(topic.name, topic.id, { attributes, tags, dataProtectionPolicy });
    const changed = { ...topic, attributes, tags, dataProtectionPolicy };
    this.#known.set(topic.name, changed);
    return changed;
  }

  /** Deletes exchange and document, and with the exchange all its bindings. */
  async delete({ name, exchange }: Topic): Promise<void> {
    this.#known.delete(name);
    await this.#broker.exchanges.delete(exchange);
    await this.#broker.documents.delete(DOCUMENTS + name);
  }

  /** Deletes documents of topics that are gone. At start. */
  async dropOrphans(): Promise<void> {
    for (const [key] of this.#broker.documents.list(DOCUMENTS)) {
      const name = key.slice(DOCUMENTS.length);
      if (this.get(name) === undefined) await this.#broker.documents.delete(key);
    }
  }

  #identity(exchange: Exchange): Omit<Topic, keyof TopicState> {
    const { name } = exchange;
    const fifo = name.endsWith(FIFO_SUFFIX);
    return { name, exchange, fifo, id: idOf(exchange) };
  }

  #stored(exchange: Exchange, replaced: boolean): TopicState {
    const document = this.#broker.documents.get(DOCUMENTS + exchange.name);
    const id = idOf(exchange);
    if (document === undefined || document['id'] !== id) return EMPTY_STATE;
    if (id === '' && replaced) return EMPTY_STATE;
    const { attributes, tags, dataProtectionPolicy } = document as unknown as TopicState;
    return { attributes, tags, dataProtectionPolicy };
  }

  async #put(name: string, id: string, state: TopicState): Promise<void> {
    const document = { id, ...state } as unknown as DeclaredValues;
    await this.#broker.documents.put(DOCUMENTS + name, document);
  }
}

function isTopic({ name, definition }: Exchange): boolean {
  const { type, internal, delayed } = definition;
  if (internal || delayed) return false;
  if (type === TOPIC_TYPE) return isTopicName(name, name.endsWith(FIFO_SUFFIX));
  return type === 'fanout' && isTopicName(name, false);
}

function idOf({ definition }: Exchange): string {
  const { sns } = definition.declared as { sns?: { id?: unknown } };
  return typeof sns?.id === 'string' ? sns.id : '';
}
