/** Short ways to do with kafkajs what nearly every kafkajs test does. */
import {
  type Admin,
  type Consumer,
  type ConsumerConfig,
  type EachMessagePayload,
  Kafka,
  type KafkaMessage,
  logLevel,
} from 'kafkajs';
import { eventually, type KafkaPeer, uniqueName } from './peer.ts';

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

/** A kafkajs client that reports errors only. */
export function kafkaJs(peer: KafkaPeer, clientId = 'kafkajs-test'): Kafka {
  return new Kafka({ clientId, brokers: [peer.address], logLevel: logLevel.NOTHING });
}

export interface Received {
  topic: string;
  partition: number;
  message: KafkaMessage;
}

/** What one consumer got so far, and the consumer. */
export interface Collector {
  readonly consumer: Consumer;
  readonly received: Received[];
  /** Resolves when at least `count` messages came. */
  waitFor(count: number): Promise<Received[]>;
  disconnect(): Promise<void>;
}

/** Starts a consumer that keeps everything it gets. Resolves when it has joined its group. */
export async function collect(
  kafka: Kafka,
  topics: string | string[],
  options: Partial<ConsumerConfig> & {
    fromBeginning?: boolean;
    each?: (payload: EachMessagePayload) => Promise<void>;
  } = {},
): Promise<Collector> {
  const { fromBeginning = true, each, ...config } = options;
  const consumer = kafka.consumer({
    groupId: uniqueName('group'),
    heartbeatInterval: 300,
    maxWaitTimeInMs: 200,
    ...config,
  });
  const received: Received[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topics].flat(), fromBeginning });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.run({
    eachMessage: async (payload) => {
      const { topic, partition, message } = payload;
      received.push({ topic, partition, message });
      await each?.(payload);
    },
  });
  await joined;
  return {
    consumer,
    received,
    waitFor: (count) =>
      eventually(`${count} messages came, ${received.length} so far`, () =>
        received.length >= count ? received : undefined,
      ),
    disconnect: () => consumer.disconnect(),
  };
}

/** Reads `count` messages of a topic from its beginning with a group of its own. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  count: number,
  options: Partial<ConsumerConfig> = {},
): Promise<Received[]> {
  const collector = await collect(kafka, topic, options);
  try {
    return [...(await collector.waitFor(count))];
  } finally {
    await collector.disconnect();
  }
}

/** Runs a piece of work with a connected admin client. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Creates a topic and returns its name. */
export async function newTopic(
  kafka: Kafka,
  prefix: string,
  numPartitions = 1,
  configEntries: { name: string; value: string }[] = [],
): Promise<string> {
  const topic = uniqueName(prefix);
  await withAdmin(kafka, (admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true }),
  );
  return topic;
}

/** Sends with a producer of its own and returns what the broker answered. */
export async function sendAll(
  kafka: Kafka,
  topic: string,
  messages: Parameters<ReturnType<Kafka['producer']>['send']>[0]['messages'],
  options: { idempotent?: boolean; compression?: number; acks?: number } = {},
): Promise<{ partition: number; baseOffset: string | undefined }[]> {
  const { idempotent = false, ...sendOptions } = options;
  const producer = kafka.producer({ idempotent });
  await producer.connect();
  try {
    const metadata = await producer.send({ topic, messages, ...sendOptions });
    return metadata.map(({ partition, baseOffset }) => ({ partition, baseOffset }));
  } finally {
    await producer.disconnect();
  }
}

export function text(value: Buffer | null | undefined): string | undefined {
  return value?.toString('utf8');
}
