/**
 * The Kafka workload: producers and consumer groups of kafkajs and @platformatic/kafka.
 *
 * Each producer is one sequential stream: it awaits a send before the next, and a send carries up to 20
 * values for the partitions of one topic. A send that is rejected ends "unknown". An idempotent producer is
 * then replaced by a new one under a new name, because its client no longer knows what the broker
 * has: only within one producer id does the broker promise order and exactly-once.
 */

import type { SeededRandom } from '../random.ts';
import {
  type ConsumerOptions,
  logName,
  type RunningConsumer,
  startKafkajsConsumer,
  startPlatformaticConsumer,
} from './kafka/consumer.ts';
import { drainTopics } from './kafka/drain.ts';
import { describeError, findSource } from './kafka/errors.ts';
import { kafkajs, type Message, PRODUCER_KINDS, type ProducerKind } from './kafka/producer.ts';
import { encodeValue } from './values.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const TOPICS: Readonly<Record<string, number>> = { orders: 1, payments: 3, audit: 6 };
const TOPIC_NAMES = Object.keys(TOPICS);
const VALUES_PER_SEND_MAX = 20;
const PAUSE_MS_MAX = 12;
const FINISH_MS_MAX = 60_000;

const GROUPS = ['kafkajs-group', 'platformatic-group'] as const;

export class KafkaWorkload implements Workload {
  readonly schemes = ['kafka'] as const;
  readonly errors = new Map<string, number>();
  readonly problems: string[] = [];
  acknowledged = 0;
  readonly #context: WorkloadContext;
  readonly #consumers: RunningConsumer[] = [];
  #producers: Promise<void>[] = [];
  #stopping = false;
  #values = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  get #port(): number {
    return this.#context.port('kafka');
  }

  async start(): Promise<void> {
    const admin = kafkajs(this.#port, 'setup').admin();
    await admin.connect();
    await admin.createTopics({
      topics: Object.entries(TOPICS).map(([topic, numPartitions]) => ({ topic, numPartitions })),
      waitForLeaders: true,
    });
    await admin.disconnect();
    this.#producers = PRODUCER_KINDS.map((kind) =>
      this.#produce(kind, this.#context.random.fork()),
    );
    const consumer = (name: string, group: string): ConsumerOptions => ({
      name,
      group,
      topics: TOPIC_NAMES,
      port: this.#port,
      history: this.#context.history,
      onError: (error) => this.#count(`consumer: ${describeError(error)}`),
      onCommitted: () => {
        this.acknowledged += 1;
      },
    });
    this.#consumers.push(
      await startKafkajsConsumer(consumer('kafkajs-a', GROUPS[0])),
      await startKafkajsConsumer(consumer('kafkajs-b', GROUPS[0])),
      await startPlatformaticConsumer(consumer('platformatic-a', GROUPS[1])),
    );
  }

  async afterRestart(): Promise<void> {
    const { history } = this.#context;
    const admin = kafkajs(this.#port, 'observer').admin();
    await admin.connect();
    try {
      for (const group of GROUPS) {
        const invokedAt = history.begin();
        const positions = await admin.fetchOffsets({ groupId: group, topics: [...TOPIC_NAMES] });
        for (const { topic, partitions } of positions) {
          for (const { partition, offset } of partitions) {
            const log = logName(topic, partition);
            history.observed({ group, log, offset: Number(offset), invokedAt });
          }
        }
      }
    } finally {
      await admin.disconnect();
    }
  }

  async finish(): Promise<void> {
    this.#stopping = true;
    const deadline = new Promise<string>((resolve) => {
      setTimeout(() => resolve('late'), FINISH_MS_MAX).unref();
    });
    if ((await Promise.race([Promise.all(this.#producers), deadline])) === 'late') {
      this.problems.push(`a send did not end within ${FINISH_MS_MAX} ms although the broker is up`);
    }
    await this.afterRestart();
    const closing = Promise.all(this.#consumers.map((consumer) => consumer.close()));
    if ((await Promise.race([closing, deadline])) === 'late') {
      this.problems.push(`a consumer did not close within ${FINISH_MS_MAX} ms`);
    }
  }

  drain(): Promise<void> {
    return drainTopics(this.#port, TOPIC_NAMES, this.#context.history);
  }

  async #produce(kind: ProducerKind, random: SeededRandom): Promise<void> {
    for (let life = 1; !this.#stopping; life += 1) {
      const name = `${kind.name}-${life}`;
      try {
        const client = await kind.open(this.#port);
        while (!this.#stopping && (await this.#send(client, kind, name, random))) {
          await pause(random.between(0, PAUSE_MS_MAX));
        }
        await client.close().catch(() => {});
      } catch (error) {
        this.#count(`${kind.name} could not start: ${describeError(error)}`);
        await pause(50);
      }
    }
  }

  /** False when the producer must be given up. */
  async #send(
    client: Awaited<ReturnType<ProducerKind['open']>>,
    kind: ProducerKind,
    name: string,
    random: SeededRandom,
  ): Promise<boolean> {
    const topic = random.pick(TOPIC_NAMES);
    const messages: Message[] = [];
    const sends = Array.from({ length: random.between(1, VALUES_PER_SEND_MAX) }, () => {
      const partition = random.between(0, TOPICS[topic]! - 1);
      this.#values += 1;
      const value = `v${this.#values}`;
      messages.push({ partition, value: encodeValue(value) });
      const log = logName(topic, partition);
      const { idempotent } = kind;
      const send = this.#context.history.send({ value, producer: name, log, idempotent });
      return { send, partition };
    });
    try {
      const places = await client.send(topic, messages);
      const next = new Map(places.map((place) => [place.partition, place.baseOffset]));
      for (const { send, partition } of sends) {
        const offset = next.get(partition) ?? -1;
        if (offset >= 0) next.set(partition, offset + 1);
        this.#context.history.sent(send, 'ok', { offset });
        this.acknowledged += 1;
      }
      return true;
    } catch (error) {
      const text = describeError(error);
      for (const { send } of sends) this.#context.history.sent(send, 'info', { error: text });
      this.#count(`${kind.name}: ${text}`);
      const source = findSource(error);
      if (source) this.problems.push(`${name} was answered ${source} by the broker`);
      return !kind.idempotent;
    }
  }

  #count(error: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
