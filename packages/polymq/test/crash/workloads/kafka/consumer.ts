/**
 * Consumer groups of the real clients. Every record that is handed over is recorded, then the position
 * behind it is committed and that is recorded too. A consumer never gives up: it starts anew, as another
 * reading session, after whatever error.
 */
import { Consumer, stringDeserializers } from '@platformatic/kafka';
import type { EachBatchPayload } from 'kafkajs';
import type { History } from '../../../checker/history.ts';
import { decodeValue } from '../values.ts';
import { KAFKAJS_RETRY, kafkajs } from './producer.ts';

export interface ConsumerOptions {
  name: string;
  group: string;
  topics: readonly string[];
  port: number;
  history: History;
  /** An error that the consumer got over. */
  onError(error: unknown): void;
  onCommitted(): void;
}

export interface RunningConsumer {
  close(): Promise<void>;
}

const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 500;
const REBALANCE_TIMEOUT_MS = 6_000;
const FETCH_WAIT_MS = 100;
/** Records between two commits of the @platformatic/kafka consumer. */
const COMMIT_EVERY = 25;

export function logName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

export async function startKafkajsConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  const { name, group, topics, port, history } = options;
  let session = 0;
  const consumer = kafkajs(port, name).consumer({
    groupId: group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    retry: { ...KAFKAJS_RETRY, restartOnFailure: async () => true },
  });
  consumer.on(consumer.events.GROUP_JOIN, () => {
    session += 1;
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    session += 1;
    options.onError(payload.error);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, resolveOffset, isRunning, isStale }: EachBatchPayload) => {
      if (!isRunning() || isStale()) return;
      const log = logName(batch.topic, batch.partition);
      const reader = `${name}#${session}`;
      for (const message of batch.messages) {
        const offset = Number(message.offset);
        history.read({ reader, log, offset, value: decodeValue(message.value) });
        resolveOffset(message.offset);
      }
      const offset = Number(batch.lastOffset()) + 1;
      const { topic, partition } = batch;
      const commit = history.commit({ group, log, offset });
      try {
        await consumer.commitOffsets([{ topic, partition, offset: String(offset) }]);
        history.committed(commit, 'ok');
        options.onCommitted();
      } catch (error) {
        history.committed(commit, 'info', String(error));
        // The client is told too: it must rejoin if the group no longer knows it.
        session += 1;
        throw error;
      }
    },
  });
  return { close: () => consumer.disconnect() };
}

export async function startPlatformaticConsumer(
  options: ConsumerOptions,
): Promise<RunningConsumer> {
  const running = new PlatformaticConsumer(options);
  running.start();
  return running;
}

class PlatformaticConsumer implements RunningConsumer {
  readonly #options: ConsumerOptions;
  #loop: Promise<void> | undefined;
  #current: Consumer<string, string, string, string> | undefined;
  #session = 0;
  #closed = false;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#session += 1;
      try {
        await this.#consume();
      } catch (error) {
        if (!this.#closed) this.#options.onError(error);
      }
      await this.#end();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #end(): Promise<void> {
    const consumer = this.#current;
    this.#current = undefined;
    try {
      await consumer?.close(true);
    } catch {
      // A broker that is down cannot be told good-bye.
    }
  }

  async #consume(): Promise<void> {
    const { name, group, topics, port, history } = this.#options;
    const consumer = new Consumer({
      clientId: name,
      groupId: group,
      bootstrapBrokers: [`127.0.0.1:${port}`],
      deserializers: stringDeserializers,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTime: FETCH_WAIT_MS,
      connectTimeout: 1000,
      requestTimeout: 8000,
      retries: 20,
      retryDelay: 50,
    });
    consumer.on('error', () => {});
    this.#current = consumer;
    let epoch = 0;
    consumer.on('consumer:group:join', () => {
      epoch += 1;
    });
    const stream = await consumer.consume({
      topics: [...topics],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
    });
    stream.on('error', () => {});
    const session = `${name}#${this.#session}`;
    let sinceCommit = 0;
    for await (const message of stream) {
      const log = logName(message.topic, message.partition);
      const offset = Number(message.offset);
      const reader = `${session}.${epoch}`;
      history.read({ reader, log, offset, value: decodeValue(message.value) });
      sinceCommit += 1;
      if (sinceCommit < COMMIT_EVERY) continue;
      sinceCommit = 0;
      await this.#commit(log, group, offset + 1, () => message.commit());
    }
  }

  async #commit(
    log: string,
    group: string,
    offset: number,
    send: () => void | Promise<void>,
  ): Promise<void> {
    const { history } = this.#options;
    const commit = history.commit({ group, log, offset });
    try {
      await send();
      history.committed(commit, 'ok');
      this.#options.onCommitted();
    } catch (error) {
      history.committed(commit, 'info', String(error));
      throw error;
    }
  }
}
