/**
 * The driver for RabbitMQ and whatever else speaks AMQP 0-9-1, on amqplib. One connection: declarations, sends and each
 * consumer have a channel of their own.
 */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { Driver, OpenDriver } from '../../driver/driver.ts';
import { loadLibrary } from './library.ts';
import { Link } from './link.ts';
import type { AmqpOptions } from './options.ts';
import { Publisher } from './publisher.ts';
import { AmqpQueues } from './queue-driver.ts';
import { Topology } from './topology.ts';

export type { AmqpOptions } from './options.ts';

const UNCONFIRMED_MAX = 10_000;

const CAPABILITIES: Capabilities = {
  queue: 'native',
  delay: 'TTL and dead-letter queues, to 1/16 of the delay',
  priority: 'native',
  fifo: 'single active consumer: one client at a time works on the queue',
  dedupe: false,
  ttl: 'native',
  limit: 'native',
  'drop-lowest-priority': false,
  peek: 'gets and gives back',
  topic: false,
  live: false,
  group: false,
  replay: false,
  fanout: false,
  'request-reply': false,
  'event-log': false,
  transaction: false,
  'manual-clock': false,
};

export const open: OpenDriver<AmqpOptions | undefined> = async (url, options = {}, context) => {
  const link = new Link(await loadLibrary(), url, options, context);
  const topology = new Topology(link);
  const publisher = new Publisher(link, options.unconfirmedMax ?? UNCONFIRMED_MAX);
  const queues = new AmqpQueues(link, topology, publisher);
  try {
    await link.open();
  } catch (error) {
    await link.close();
    throw error;
  }
  const driver: Driver = {
    engine: 'RabbitMQ',
    system: 'rabbitmq',
    capabilities: CAPABILITIES,
    queues,
    close: async () => {
      publisher.close();
      await link.close();
    },
  };
  return driver;
};
