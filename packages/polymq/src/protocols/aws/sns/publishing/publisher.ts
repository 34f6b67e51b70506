/**
 * Hands a published message to the core, once for all who get it. What a topic knows already, and what a FIFO queue among the
 * targets knows already, is found by deduplication id within the scopes of topic and queue:
 *
 *   scope of topic knows it ─► answered as the first time, nothing stored
 *        │ no
 *        ▼
 *   remember there ─► route ─► leave out FIFO queues whose scope knows it, remember in the others ─► publish
 *
 * All that happens in one turn, so it is one batch of the journal.
 */

import { BrokerError } from '../../../../core/errors.ts';
import type { Route } from '../../../../core/exchange/exchanges.ts';
import { LiveRoute } from '../../../../core/exchange/live-route.ts';
import { MessageDraft } from '../../../../core/message/message-draft.ts';
import type { Queue } from '../../../../core/queue/queue.ts';
import { fifoMessageId, queueScope, sequenceText } from '../../message/fifo.ts';
import { AWS_FORMAT_ID } from '../../message/format.ts';
import { type MessageProperties, writeMessageProperties } from '../../message/properties.ts';
import { sqsQueueOf } from '../../sqs/sqs-queue.ts';
import type { SnsContext } from '../context.ts';
import type { Topic } from '../topics.ts';
import type { CheckedMessage } from './checked-message.ts';
import { PublishedFacts } from './published-facts.ts';

/** What Publish answers. */
export interface Published {
  MessageId: string;
  SequenceNumber?: string;
}

export interface Sending {
  topic: Topic;
  topicArn: string;
  message: CheckedMessage;
  traceHeader: string | undefined;
}

const NO_KEYS = [''] as const;

export class TopicPublisher {
  readonly #context: Pick<SnsContext, 'broker' | 'environment' | 'subscriptions'>;
  readonly #draft = new MessageDraft();
  /** What streams still owe. */
  #streams: Promise<void>[] = [];

  constructor(context: Pick<SnsContext, 'broker' | 'environment' | 'subscriptions'>) {
    this.#context = context;
    this.#draft.format = AWS_FORMAT_ID;
    this.#draft.persistent = true;
  }

  /** Durable when `durable`, called in the same turn, resolves. */
  publish(sending: Sending): Published {
    const { groupId, deduplicationId } = sending.message;
    if (!sending.topic.fifo || deduplicationId === undefined || groupId === undefined) {
      const messageId = this.#context.environment.random.uuid();
      this.#send(sending, { messageId }, undefined);
      return { MessageId: messageId };
    }
    const { dedup } = this.#context.broker;
    const scope = topicScope(sending.topic, groupId);
    const known = dedup.find(scope, deduplicationId);
    const number = known ?? dedup.nextNumber();
    const messageId = fifoMessageId(scope, number);
    const sequenceNumber = sequenceText(number);
    if (known === undefined) {
      dedup.remember(scope, deduplicationId, number);
      this.#send(sending, { messageId, sequenceNumber, deduplicationId }, number);
    }
    return { MessageId: messageId, SequenceNumber: sequenceNumber };
  }

  /** Resolves when all that was published in this turn is safe. */
  async durable(): Promise<void> {
    const { store } = this.#context.broker.queues;
    const streams = this.#streams;
    this.#streams = [];
    await Promise.all([store.whenCommitted(store.position), ...streams]);
  }

  #send(
    { topic, topicArn, message, traceHeader }: Sending,
    ids: Pick<MessageProperties, 'messageId' | 'sequenceNumber' | 'deduplicationId'>,
    number: number | undefined,
  ): void {
    const { broker, environment, subscriptions } = this.#context;
    const body = Buffer.from(message.body, 'utf8');
    const facts = new PublishedFacts(ids.messageId, message.attributes, body);
    const found = broker.exchanges.route(topic.exchange, NO_KEYS, facts);
    const route = number === undefined ? found : this.#withoutKnown(found, message, number);
    const draft = this.#draft;
    draft.publishedMs = environment.clock.nowMs();
    draft.groupId = message.groupId;
    draft.setNames(topic.name, '');
    const rawQueues = subscriptions.rawQueues(topic.name, route.queues);
    const properties = propertiesOf(message, ids, { topicArn, traceHeader, rawQueues });
    draft.setContent(writeMessageProperties(properties), body);
    broker.publisher.publish(draft, route);
    draft.clear();
    const streams = route.streams.length > 0 ? broker.publisher.streamsPending() : undefined;
    if (streams !== undefined) {
      // Whoever awaits them may come later than they fail.
      streams.catch(() => undefined);
      this.#streams.push(streams);
    }
  }

  #withoutKnown(route: Route, message: CheckedMessage, number: number): Route {
    const queues = route.queues.filter((queue) => this.#isNew(queue, message, number));
    if (queues.length === route.queues.length) return route;
    const { streams, receivers, delayed, extras } = route as LiveRoute;
    return new LiveRoute(queues, streams, { cacheable: false, delayed, extras, receivers });
  }

  #isNew(queue: Queue, { groupId, deduplicationId }: CheckedMessage, number: number): boolean {
    const { fifo, deduplicatesPerGroup } = sqsQueueOf(queue);
    if (!fifo || queue.definition.declared['sqs'] === undefined) return true;
    const { dedup } = this.#context.broker;
    const scope = queueScope(queue.id, deduplicatesPerGroup ? groupId : undefined);
    if (dedup.find(scope, deduplicationId!) !== undefined) return false;
    try {
      dedup.remember(scope, deduplicationId!, number);
    } catch (error: unknown) {
      // The topic knows the message already: refusing it now would lose it.
      if (!(error instanceof BrokerError && error.code === 'limit-reached')) throw error;
    }
    return true;
  }
}

/** Where deduplication ids of a topic hold. */
function topicScope({ id, attributes }: Topic, groupId: string): string {
  return attributes['FifoThroughputScope'] === 'MessageGroup'
    ? `topic/${id}/${groupId}`
    : `topic/${id}`;
}

function propertiesOf(
  { attributes, groupId, subject, structure }: CheckedMessage,
  ids: Pick<MessageProperties, 'messageId' | 'sequenceNumber' | 'deduplicationId'>,
  more: Pick<Sending, 'topicArn' | 'traceHeader'> & { rawQueues: string | undefined },
): MessageProperties {
  const { topicArn, traceHeader, rawQueues } = more;
  return {
    ...ids,
    published: true,
    topicArn,
    ...(attributes !== undefined && { attributes: JSON.stringify(attributes) }),
    ...(groupId !== undefined && { groupId }),
    ...(subject !== undefined && { subject }),
    ...(structure !== undefined && { structure }),
    ...(traceHeader !== undefined && { traceHeader }),
    ...(rawQueues !== undefined && { rawQueues }),
  };
}
