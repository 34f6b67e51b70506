/**
 * Topics of SNS. It stores nothing: a subscriber has a temporary SQS queue from `subscribeTopic` to `close`, a bound queue has a subscription of its own. What
 * is published reaches them raw, without SNS's envelope. Several requests are under way per topic, but those of one key, and those without
 * a key, each in a single line; SNS itself keeps the order only for topics whose name ends in `.fifo`, which are FIFO topics.
 */
import type {
  Position,
  PublishOutcome,
  TopicDriver,
  TopicSink,
  TopicSpec,
  TopicSubscription,
} from '../../driver/driver.ts';
import { PolymqError, UnsupportedError } from '../../errors.ts';
import { WireFacts } from '../../message/wire-facts.ts';
import type { WireMessage } from '../../message/wire-message.ts';
import type { Aws } from './aws.ts';
import { type BatchAnswer, type BatchSuccess, batchRequest } from './batch-request.ts';
import type { SqsDelivery } from './delivery.ts';
import { Gatherer } from './gatherer.ts';
import { groupOf, idOf, laneOf } from './groups.ts';
import { FIFO_SUFFIX } from './limits.ts';
import { encodeMessage } from './message-format.ts';
import type { QueuePlaces } from './places.ts';
import { allowTopic } from './queue-arn.ts';
import type { Settler } from './settle.ts';
import type { TemporaryQueue, TemporaryQueues } from './temporary-queues.ts';
import { TemporaryReader } from './temporary-reader.ts';
import { TopicArns } from './topic-arns.ts';

const LANES = 8;
const NOWHERE: PublishOutcome = Object.freeze({ partition: -1, offset: -1 });

interface PublishEntry {
  readonly input: object;
  readonly bytes: number;
  done(outcome: BatchSuccess | PolymqError): void;
}

type Lane = Gatherer<BatchSuccess, PublishEntry>;

export interface TopicParts {
  readonly aws: Aws;
  readonly places: QueuePlaces;
  readonly settler: Settler;
  readonly temporary: TemporaryQueues;
  readonly pollMs: number;
}

export class SnsTopics implements TopicDriver {
  readonly #parts: TopicParts;
  readonly #arns: TopicArns;
  readonly #lanes = new Map<string, readonly Lane[]>();

  constructor(parts: TopicParts) {
    this.#parts = parts;
    this.#arns = new TopicArns(parts.aws);
  }

  /** Partitions are not a thing of SNS: order per key is, or is not, the topic's. */
  async declareTopic({ name, retentionMs }: TopicSpec): Promise<void> {
    if (retentionMs !== undefined) {
      throw new UnsupportedError(
        'SNS',
        `retention of a topic (${name})`,
        'it stores nothing; bind a queue, or use an engine that stores topics',
      );
    }
    await this.#arns.create(name);
  }

  async deleteTopic(topic: string): Promise<void> {
    const arn = await this.#arns.find(topic).catch(notFoundIsFine);
    this.#arns.forget(topic);
    if (arn === undefined) return;
    this.#lanes.delete(arn);
    await this.#parts.aws.sns('DeleteTopic', { TopicArn: arn }, { target: topic });
  }

  async publish(
    topic: string,
    messages: readonly WireMessage[],
  ): Promise<readonly PublishOutcome[]> {
    const arn = await this.#arns.find(topic);
    const lanes = this.#lanesOf(topic, arn);
    const isFifo = topic.endsWith(FIFO_SUFFIX);
    await new Promise<void>((resolve, reject) => {
      let open = messages.length;
      let failure: PolymqError | undefined;
      if (open === 0) resolve();
      const done = (outcome: BatchSuccess | PolymqError): void => {
        if (outcome instanceof PolymqError) failure ??= outcome;
        if (--open > 0) return;
        if (failure === undefined) resolve();
        else reject(failure);
      };
      for (const message of messages) {
        const lane = message.key === undefined ? 0 : laneOf(groupOf(message), LANES);
        lanes[lane]!.add(publishEntry(message, isFifo, done));
      }
    }).catch((error: PolymqError) => {
      if (error.code === 'not-found') this.#arns.forget(topic);
      throw error;
    });
    return messages.map(() => NOWHERE);
  }

  async subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription> {
    if (from.at !== 'new') {
      throw new UnsupportedError(
        'SNS',
        'replay',
        'subscribe from "new", or use an engine that stores topics',
      );
    }
    const { aws, settler, temporary, pollMs } = this.#parts;
    const arn = await this.#arns.find(topic);
    const queue = await temporary.create();
    try {
      await this.#connect(arn, queue);
    } catch (error) {
      await queue.close();
      throw error;
    }
    return new TemporaryReader({
      aws,
      settler,
      queue,
      pollMs,
      read: (deliveries) => sink.deliver(deliveries.map(toRecord)),
      renew: () => this.#renew(topic, queue),
      ended: (error) => sink.ended(error),
    });
  }

  async bindQueue(topic: string, queue: string): Promise<void> {
    const { aws, places } = this.#parts;
    const [arn, place] = await Promise.all([this.#arns.find(topic), places.find(queue)]);
    await this.#subscribe(arn, await allowTopic(aws, place, arn), queue);
  }

  async #connect(topicArn: string, queue: TemporaryQueue): Promise<void> {
    const queueArn = await allowTopic(this.#parts.aws, queue, topicArn);
    await queue.subscribed(await this.#subscribe(topicArn, queueArn, queue.name));
  }

  /** The engine may have lost the topic as well. */
  async #renew(topic: string, queue: TemporaryQueue): Promise<void> {
    this.#arns.forget(topic);
    const arn = await this.#arns.create(topic);
    await queue.create();
    await this.#connect(arn, queue);
  }

  /** Idempotent: the same endpoint has one subscription. */
  async #subscribe(topicArn: string, queueArn: string, queue: string): Promise<string> {
    const input = {
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: queueArn,
      Attributes: { RawMessageDelivery: 'true' },
      ReturnSubscriptionArn: true,
    };
    const answer = await this.#parts.aws.sns<{ SubscriptionArn: string }>('Subscribe', input, {
      target: queue,
    });
    return answer.SubscriptionArn;
  }

  #lanesOf(topic: string, arn: string): readonly Lane[] {
    let lanes = this.#lanes.get(arn);
    if (lanes === undefined) {
      const { aws } = this.#parts;
      const what = { action: 'PublishBatch', target: topic };
      const act = (entries: readonly object[]): Promise<BatchAnswer> =>
        aws.sns(what.action, { TopicArn: arn, PublishBatchRequestEntries: entries }, what);
      const lane = (): Lane =>
        new Gatherer(1, (entries) =>
          batchRequest(
            aws.context,
            what,
            entries.map(({ input }) => input),
            act,
          ),
        );
      lanes = Array.from({ length: LANES }, lane);
      this.#lanes.set(arn, lanes);
    }
    return lanes;
  }
}

function publishEntry(
  message: WireMessage,
  isFifo: boolean,
  done: PublishEntry['done'],
): PublishEntry {
  const { body, attributes, bytes } = encodeMessage(message);
  const input = {
    Message: body,
    MessageAttributes: attributes,
    ...(isFifo && { MessageGroupId: groupOf(message), MessageDeduplicationId: idOf(message.id) }),
  };
  return { input, bytes, done };
}

function toRecord(delivery: SqsDelivery): WireMessage & { partition: number; offset: number } {
  return { ...new WireFacts(delivery), partition: -1, offset: -1 };
}

function notFoundIsFine(error: unknown): undefined {
  if (error instanceof PolymqError && error.code === 'not-found') return undefined;
  throw error;
}
