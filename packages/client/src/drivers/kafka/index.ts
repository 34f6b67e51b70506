/**
 * `kafka://`: topics and groups as Kafka has them, queues and requests built on top. Loads `@platformatic/kafka`.
 *
 * Needs brokers of Apache Kafka 3.0 or newer, or PolyMQ. Not here, because Kafka lacks them: delays, priorities, deduplication, expiry
 * and limits of queues, live topics.
 */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { Driver, DriverContext } from '../../driver/driver.ts';
import type { PolymqError } from '../../errors.ts';
import { loadLibrary } from './library.ts';
import { type KafkaOptions, kafkaAddress } from './options.ts';
import { KafkaProducer } from './producer.ts';
import { KafkaQueues } from './queues.ts';
import { KafkaRequests } from './requests.ts';
import { KafkaTopics } from './topics.ts';
import { Wire } from './wire.ts';

export type { KafkaOptions } from './options.ts';

/** For the table of the documents as well. */
export const CAPABILITIES: Capabilities = {
  queue: 'a topic and a group, with topics for retries and dead letters',
  delay: false,
  priority: false,
  fifo: 'partition by key',
  dedupe: false,
  ttl: false,
  limit: false,
  'drop-lowest-priority': false,
  peek: 'reads from the commits on',
  topic: 'native',
  live: false,
  group: 'consumer groups',
  replay: 'native',
  fanout: 'copies in this process',
  'request-reply': 'reply topic',
  'event-log': false,
  transaction: false,
  'manual-clock': false,
};

/** How long one attempt to connect again goes on. */
const PROBE_MS = 1_000;

/** Connects to a cluster. `options.brokers` adds to the brokers of the URL. */
export async function open(
  url: URL,
  options: KafkaOptions | undefined,
  context: DriverContext,
): Promise<Driver> {
  const { queuePartitions, ...address } = kafkaAddress(url, options);
  const library = await loadLibrary();
  const { clock, timeoutMs } = context;
  const clientId = context.clientName.replaceAll(/\s+/g, '-');
  const watch = new ConnectionWatch(context);
  const wire: Wire = new Wire({
    library,
    clock,
    timeoutMs,
    clientId,
    ...address,
    onLost: () => watch.lost(wire),
  });
  try {
    await wire.retry(`connect to ${address.brokers.join(', ')}`, () => wire.metadata([], true));
  } catch (error) {
    await wire.close();
    throw error;
  }
  const producer = new KafkaProducer(wire.another());
  const queues: KafkaQueues = new KafkaQueues({
    wire,
    producer,
    partitions: queuePartitions,
    onDeleted: (queue) => topics.unbind(queue),
  });
  const deadLetterOf = (queue: string) => queues.deadLetterOf(queue);
  const topics = new KafkaTopics({ wire, producer, deadLetterOf });
  const requests = new KafkaRequests(wire, producer, queues);
  return {
    engine: 'Kafka',
    system: 'kafka',
    capabilities: CAPABILITIES,
    queues,
    topics,
    requests,
    close: async () => {
      await requests.close();
      await Promise.all([topics.close(), queues.close()]);
      await producer.close();
      await wire.close();
    },
  };
}

/** A closed connection is opened again when it is needed. It counts as lost when that fails. */
class ConnectionWatch {
  readonly #context: DriverContext;
  #probing = false;
  /** Another connection was closed since the last probe began. */
  #again = false;

  constructor(context: DriverContext) {
    this.#context = context;
  }

  lost(wire: Wire): void {
    this.#again = true;
    if (this.#probing || wire.closed) return;
    this.#probing = true;
    void this.#probe(wire);
  }

  async #probe(wire: Wire): Promise<void> {
    let told = false;
    while (this.#again && !wire.closed) {
      this.#again = false;
      try {
        const timeoutMs = told ? PROBE_MS : 1;
        await wire.retry('connect again', () => wire.metadata([], true), { timeoutMs });
      } catch (error) {
        this.#again = true;
        if (!told && !wire.closed) this.#context.onConnection('lost', error as PolymqError);
        told = true;
      }
    }
    this.#probing = false;
    if (told && !wire.closed) this.#context.onConnection('back');
  }
}
