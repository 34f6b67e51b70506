/**
 * Topics that store nothing: an exchange that gives every binding everything, and live subscriptions to it. A message is read once
 * for all subscribers of a driver, and handed on at the end of the turn in which it was published.
 */
import type {
  PolymqError,
  PublishOutcome,
  TopicRecord,
  TopicSink,
  TopicSubscription,
  WireMessage,
} from '@polymq/client/driver';
import { DraftFacts } from '../../core/exchange/draft-facts.ts';
import type { Exchange, ExchangeDefinition } from '../../core/exchange/exchanges.ts';
import type { Receiver, Subscriber, SubscriberTarget } from '../../core/exchange/subscribers.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { Commits } from '../commit.ts';
import { type EmbeddedContext, NAMESPACE } from '../context.ts';
import { clientError } from '../errors.ts';
import { DraftWriter, readDraft } from '../wire.ts';
import { LiveRecords } from './live-records.ts';

const DEFINITION: ExchangeDefinition = {
  type: 'fanout',
  durable: true,
  autoDelete: false,
  internal: false,
  declared: {},
};

const NOWHERE: PublishOutcome = { partition: -1, offset: -1 };

export class LiveTopics {
  readonly #context: EmbeddedContext;
  readonly #commits: Commits;
  readonly #writer: DraftWriter = new DraftWriter();
  readonly #open = new Set<LiveSubscription>();

  constructor(context: EmbeddedContext, commits: Commits) {
    this.#context = context;
    this.#commits = commits;
  }

  get(topic: string): Exchange | undefined {
    return this.#context.core.exchanges.get(NAMESPACE, topic);
  }

  async declare(topic: string): Promise<void> {
    if (this.get(topic) !== undefined) return;
    try {
      await this.#context.core.exchanges.declare(NAMESPACE, topic, DEFINITION);
    } catch (error: unknown) {
      if (this.get(topic) === undefined) throw error;
    }
  }

  async delete(exchange: Exchange): Promise<void> {
    await this.#context.core.exchanges.delete(exchange);
    for (const subscription of [...this.#open]) {
      if (subscription.topic === exchange.name) subscription.deleted();
    }
  }

  async publish(exchange: Exchange, messages: readonly WireMessage[]): Promise<PublishOutcome[]> {
    const { core, clock } = this.#context;
    const streams: Promise<void>[] = [];
    for (const message of messages) {
      const key = message.key ?? '';
      const fits = Buffer.byteLength(key) <= KEY_BYTES_MAX;
      const draft = this.#writer.fill(message, exchange.name, fits ? key : '');
      draft.publishedMs = clock.nowMs();
      const facts = new DraftFacts(core.formats, draft, 0);
      core.publisher.publish(draft, core.exchanges.route(exchange, [key], facts));
      const pending = core.publisher.streamsPending();
      if (pending !== undefined) streams.push(pending);
    }
    // Queues and streams that are bound have it, too.
    await Promise.all([this.#commits.durable(), ...streams]);
    return messages.map(() => NOWHERE);
  }

  subscribe(topic: string, sink: TopicSink): TopicSubscription {
    const { exchanges } = this.#context.core;
    const subscription: LiveSubscription = new LiveSubscription(this.#context, topic, sink, () =>
      this.#open.delete(subscription),
    );
    const subscriber = exchanges.subscribe(NAMESPACE, this.#receiver, subscription);
    subscription.begin(subscriber);
    this.#open.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    for (const subscription of [...this.#open]) await subscription.close();
  }

  readonly #receiver: Receiver = {
    receive: (draft: MessageDraft, targets: readonly SubscriberTarget[]) => {
      const { core, environment } = this.#context;
      const fields = readDraft(draft, core.formats, '');
      const id = fields.id === '' ? environment.random.uuid() : fields.id;
      const record: TopicRecord = { ...fields, id, ...NOWHERE };
      for (const { owner } of targets) (owner as LiveSubscription).take(record);
      return targets.length;
    },
  };
}

/** A routing key takes no more. */
const KEY_BYTES_MAX = 255;

class LiveSubscription implements TopicSubscription {
  readonly topic: string;
  readonly #context: EmbeddedContext;
  readonly #sink: TopicSink;
  readonly #onEnd: () => void;
  #subscriber: Subscriber | undefined;
  #letGo: (() => void) | undefined;
  readonly #waiting: LiveRecords;
  #busy = false;
  #closed = false;

  constructor(context: EmbeddedContext, topic: string, sink: TopicSink, onEnd: () => void) {
    this.#context = context;
    this.topic = topic;
    this.#sink = sink;
    this.#onEnd = onEnd;
    this.#waiting = new LiveRecords(topic);
  }

  begin(subscriber: Subscriber): void {
    this.#subscriber = subscriber;
    subscriber.bind(this.topic, '', undefined);
    this.#letGo = this.#context.hold();
  }

  take(record: TopicRecord): void {
    if (this.#closed) return;
    this.#waiting.add(record);
    if (this.#busy) return;
    this.#busy = true;
    this.#context.environment.timers.immediate(() => void this.#handOn());
  }

  deleted(): void {
    if (this.#closed) return;
    this.#end();
    const gone = clientError(new Error('the topic was deleted'), `read topic "${this.topic}"`);
    this.#sink.ended(gone);
  }

  async close(): Promise<void> {
    this.#end();
  }

  async #handOn(): Promise<void> {
    try {
      while (this.#waiting.count > 0 && !this.#closed) {
        await this.#sink.deliver(this.#waiting.take());
      }
    } catch (error: unknown) {
      this.#end();
      this.#sink.ended(clientError(error, `read topic "${this.topic}"`) satisfies PolymqError);
    } finally {
      this.#busy = false;
    }
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.clear();
    this.#subscriber?.close();
    this.#letGo?.();
    this.#onEnd();
  }
}
