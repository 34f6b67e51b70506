/** Short ways to do with @platformatic/kafka what nearly every test of it does. */
import {
  Admin,
  type CompressionAlgorithmValue,
  type ConsumeOptions,
  Consumer,
  type Message,
  type MessagesStream,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka';
import { eventually, type KafkaPeer, uniqueName } from './peer.ts';

export type TextMessage = Message<string, string, string, string>;
export type TextProducer = Producer<string, string, string, string>;

const base = (peer: KafkaPeer) => ({
  clientId: 'platformatic-test',
  bootstrapBrokers: [peer.address],
  retries: 3,
  retryDelay: 200,
});

export function newAdmin(peer: KafkaPeer): Admin {
  return new Admin(base(peer));
}

export function newProducer(
  peer: KafkaPeer,
  options: { idempotent?: boolean; compression?: CompressionAlgorithmValue; acks?: number } = {},
): TextProducer {
  return new Producer({
    ...base(peer),
    serializers: stringSerializers,
    autocreateTopics: true,
    ...options,
  });
}

export type TextConsumer = Consumer<string, string, string, string>;

export function newConsumer(
  peer: KafkaPeer,
  groupId: string,
  options: { groupInstanceId?: string; sessionTimeout?: number } = {},
): TextConsumer {
  return new Consumer({
    ...base(peer),
    groupId,
    deserializers: stringDeserializers,
    maxWaitTime: 200,
    sessionTimeout: 10_000,
    rebalanceTimeout: 10_000,
    heartbeatInterval: 300,
    ...options,
  });
}

/** Leaves the group and closes, streams included. (The types know only its callback form.) */
export async function closeConsumer(consumer: TextConsumer): Promise<void> {
  await (consumer.close(true) as unknown as Promise<void>);
}

/** What one consumer got so far. */
export interface TextCollector {
  readonly consumer: TextConsumer;
  readonly received: TextMessage[];
  waitFor(count: number): Promise<TextMessage[]>;
  close(): Promise<void>;
}

/** Starts a consumer that keeps everything it gets. */
export async function collectText(
  peer: KafkaPeer,
  topics: string | string[],
  options: {
    groupId?: string;
    groupInstanceId?: string;
    stream?: Partial<ConsumeOptions<string, string, string, string>>;
  } = {},
): Promise<TextCollector> {
  const { groupId = uniqueName('platformatic'), groupInstanceId, stream } = options;
  const consumer = newConsumer(
    peer,
    groupId,
    groupInstanceId === undefined ? {} : { groupInstanceId },
  );
  const messages: MessagesStream<string, string, string, string> = await consumer.consume({
    topics: [topics].flat(),
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: true,
    ...stream,
  });
  const received: TextMessage[] = [];
  messages.on('data', (message: TextMessage) => received.push(message));
  messages.on('error', () => {});
  return {
    consumer,
    received,
    waitFor: (count) =>
      eventually(`${count} messages came`, () => (received.length >= count ? received : undefined)),
    close: () => closeConsumer(consumer),
  };
}

/** Reads `count` messages with a group of its own and closes it. */
export async function readText(
  peer: KafkaPeer,
  topic: string,
  count: number,
  groupId?: string,
): Promise<TextMessage[]> {
  const collector = await collectText(peer, topic, groupId === undefined ? {} : { groupId });
  try {
    return [...(await collector.waitFor(count))];
  } finally {
    await collector.close();
  }
}
