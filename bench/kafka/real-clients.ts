/**
 * The same figures through real clients. Here the client is mostly the bottleneck: what counts is the broker's
 * CPU time per record, and that nothing about a real client makes it worse than the prebuilt load.
 */
import { Producer as PlatformaticProducer, stringSerializers } from '@platformatic/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { createTopic, deleteTopic } from './admin.ts';
import { Counters, type Load, measure } from './measure.ts';
import { freshTopic, repeat, type Scenario } from './scenario.ts';
import { fill } from './scenarios.ts';
import type { Target } from './targets.ts';

const RECORD_BYTES = 1024;
const RECORDS_PER_SEND = 100;
const SENDS_IN_FLIGHT = 8;
const CONSUMED_BYTES = 256 * 1024 * 1024;
const RECORDS_PER_FILLED_BATCH = 120;

/** A client's producer reduced to one call. */
interface Sender {
  send(): Promise<unknown>;
  close(): Promise<void>;
}

const CLIENTS: Readonly<Record<string, (target: Target, topic: string) => Promise<Sender>>> = {
  kafkajs: kafkajsSender,
  '@platformatic/kafka': platformaticSender,
};

async function kafkajsSender(target: Target, topic: string): Promise<Sender> {
  const producer = kafkajs(target).producer();
  await producer.connect();
  const messages = Array.from({ length: RECORDS_PER_SEND }, () => ({
    value: Buffer.alloc(RECORD_BYTES, 'x'),
  }));
  return {
    send: () => producer.send({ topic, messages, acks: -1 }),
    close: () => producer.disconnect(),
  };
}

async function platformaticSender(target: Target, topic: string): Promise<Sender> {
  const producer = new PlatformaticProducer({
    clientId: 'polymq-bench',
    bootstrapBrokers: [`${target.host}:${target.port}`],
    serializers: stringSerializers,
  });
  const value = 'x'.repeat(RECORD_BYTES);
  const messages = Array.from({ length: RECORDS_PER_SEND }, () => ({ topic, value }));
  return {
    send: () => producer.send({ messages, acks: -1 }),
    close: async () => {
      await producer.close();
    },
  };
}

function kafkajs(target: Target): Kafka {
  return new Kafka({
    clientId: 'polymq-bench',
    brokers: [`${target.host}:${target.port}`],
    logLevel: logLevel.ERROR,
  });
}

/** Keeps a number of sends in flight. */
class SendLoad implements Load {
  readonly counters = new Counters();
  readonly ended: Promise<void>;
  readonly #sender: Sender;
  readonly #loops: Promise<void>[] = [];
  #fail!: (error: unknown) => void;
  #stopped = false;

  constructor(sender: Sender) {
    this.#sender = sender;
    this.ended = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.ended.catch(() => {});
  }

  start(): void {
    for (let i = 0; i < SENDS_IN_FLIGHT; i += 1) this.#loops.push(this.#loop());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
    await this.#sender.close();
  }

  async #loop(): Promise<void> {
    try {
      while (!this.#stopped) {
        const began = performance.now();
        await this.#sender.send();
        this.counters.latencies.add(performance.now() - began);
        this.counters.batches += 1;
        this.counters.records += RECORDS_PER_SEND;
        this.counters.bytes += RECORDS_PER_SEND * RECORD_BYTES;
      }
    } catch (error) {
      this.#fail(error);
    }
  }
}

const realProduce: Scenario = {
  name: 'real-produce',
  doc: 'producers of kafkajs and @platformatic/kafka as they are, acks=all',
  durabilities: ['fsync'],
  run: async (target, settings, report) => {
    for (const [client, open] of Object.entries(CLIENTS)) {
      const parameters = {
        client,
        recordBytes: RECORD_BYTES,
        recordsPerBatch: RECORDS_PER_SEND,
        connections: 1,
        inFlight: SENDS_IN_FLIGHT,
      };
      const row = { scenario: `produce by ${client}`, parameters };
      await repeat({ target, settings, report }, row, async () => {
        const topic = freshTopic('real');
        await createTopic(target, topic, 1);
        const measured = await measure(target, new SendLoad(await open(target, topic)), settings);
        await deleteTopic(target, topic);
        return measured;
      });
    }
  },
};

/** A kafkajs group that reads a filled topic from its beginning. */
class ConsumeLoad implements Load {
  readonly counters = new Counters();
  readonly ended: Promise<void>;
  readonly #target: Target;
  readonly #topic: string;
  #end!: () => void;
  #fail!: (error: unknown) => void;
  #running: Promise<{ disconnect(): Promise<void> }> | undefined;

  constructor(target: Target, topic: string) {
    this.#target = target;
    this.#topic = topic;
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    this.ended.catch(() => {});
  }

  start(): void {
    this.#running = this.#run();
    this.#running.catch((error: unknown) => this.#fail(error));
  }

  async stop(): Promise<void> {
    await (await this.#running)?.disconnect();
  }

  async #run(): Promise<{ disconnect(): Promise<void> }> {
    const groupId = freshTopic('group');
    const consumer = kafkajs(this.#target).consumer({ groupId, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true });
    await consumer.run({
      eachBatch: async ({ batch }) => {
        this.counters.batches += 1;
        this.counters.records += batch.messages.length;
        this.counters.bytes += batch.messages.length * RECORD_BYTES;
        if (Number(batch.lastOffset()) + 1 >= Number(batch.highWatermark)) this.#end();
      },
    });
    return consumer;
  }
}

const realConsume: Scenario = {
  name: 'real-consume',
  doc: 'a consumer group of kafkajs reads 256 MiB from the beginning',
  durabilities: ['fsync'],
  run: async (target, settings, report) => {
    const topic = freshTopic('real');
    await createTopic(target, topic, 1);
    await fill(target, {
      topic,
      partitions: 1,
      partitionsPerRequest: 1,
      recordBytes: RECORD_BYTES,
      recordsPerBatch: RECORDS_PER_FILLED_BATCH,
      connections: 1,
      inFlight: 16,
      bytesMax: CONSUMED_BYTES,
    });
    const parameters = {
      client: 'kafkajs',
      recordBytes: RECORD_BYTES,
      recordsPerBatch: RECORDS_PER_FILLED_BATCH,
    };
    const row = { scenario: 'consume by kafkajs', parameters };
    await repeat({ target, settings, report }, row, () =>
      measure(target, new ConsumeLoad(target, topic), { warmUpSeconds: 0.5, seconds: 30 }),
    );
    await deleteTopic(target, topic);
  },
};

export const REAL_CLIENTS: readonly Scenario[] = [realProduce, realConsume];
