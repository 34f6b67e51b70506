/** Producers of the real clients, reduced to what the workload needs. */
import { Producer, stringSerializers } from '@platformatic/kafka';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

export interface Message {
  partition: number;
  value: string;
}

export interface SentTo {
  partition: number;
  baseOffset: number;
}

export interface ProducerClient {
  /** Resolves with where the first message of each partition went. */
  send(topic: string, messages: readonly Message[]): Promise<SentTo[]>;
  close(): Promise<void>;
}

export interface ProducerKind {
  name: string;
  idempotent: boolean;
  open(port: number): Promise<ProducerClient>;
}

/** Short waits, so that a cycle takes seconds; enough tries to outlive every restart. */
export const KAFKAJS_RETRY = {
  initialRetryTime: 30,
  maxRetryTime: 200,
  factor: 0.2,
  multiplier: 1.5,
  retries: 200,
};

/** Plain producers give up before a restart is over, so that sends end unknown too. */
const IMPATIENT_RETRIES = 4;

export function kafkajs(port: number, clientId: string): Kafka {
  return new Kafka({
    clientId,
    brokers: [`127.0.0.1:${port}`],
    connectionTimeout: 1000,
    requestTimeout: 8000,
    retry: KAFKAJS_RETRY,
    logLevel: logLevel.NOTHING,
  });
}

async function openKafkajs(port: number, idempotent: boolean): Promise<ProducerClient> {
  const producer = kafkajs(port, `kafkajs-${idempotent ? 'idempotent' : 'plain'}`).producer({
    idempotent,
    createPartitioner: Partitioners.DefaultPartitioner,
    // kafkajs promises exactly-once only with endless retries.
    retry: {
      ...KAFKAJS_RETRY,
      retries: idempotent ? Number.MAX_SAFE_INTEGER : IMPATIENT_RETRIES,
    },
  });
  await producer.connect();
  return {
    send: async (topic, messages) => {
      const answer = await producer.send({ topic, acks: -1, messages: [...messages] });
      return answer.map(({ partition, baseOffset }) => ({
        partition,
        baseOffset: Number(baseOffset ?? -1),
      }));
    },
    close: () => producer.disconnect(),
  };
}

async function openPlatformatic(port: number, idempotent: boolean): Promise<ProducerClient> {
  const producer = new Producer({
    clientId: `platformatic-${idempotent ? 'idempotent' : 'plain'}`,
    bootstrapBrokers: [`127.0.0.1:${port}`],
    serializers: stringSerializers,
    idempotent,
    acks: -1,
    retries: idempotent ? 200 : IMPATIENT_RETRIES,
    retryDelay: 50,
    connectTimeout: 1000,
    requestTimeout: 8000,
    timeout: 5000,
  });
  // A lost connection is reported as an event too; the send that it hit is what counts.
  producer.on('error', () => {});
  return {
    send: async (topic, messages) => {
      const answer = await producer.send({
        messages: messages.map(({ partition, value }) => ({ topic, partition, value })),
      });
      return (answer.offsets ?? []).map(({ partition, offset }) => ({
        partition,
        baseOffset: Number(offset),
      }));
    },
    close: async () => {
      await producer.close(true);
    },
  };
}

export const PRODUCER_KINDS: readonly ProducerKind[] = [
  { name: 'kafkajs-idempotent', idempotent: true, open: (port) => openKafkajs(port, true) },
  { name: 'kafkajs-plain', idempotent: false, open: (port) => openKafkajs(port, false) },
  {
    name: 'platformatic-idempotent',
    idempotent: true,
    open: (port) => openPlatformatic(port, true),
  },
  { name: 'platformatic-plain', idempotent: false, open: (port) => openPlatformatic(port, false) },
];
