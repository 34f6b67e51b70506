/**
 * The driver for RabbitMQ and whatever else speaks AMQP 0-9-1, on amqplib. One connection: declarations, sends, requests and each
 * consumer have a channel of their own.
 *
 * AMQP does not confirm acknowledgements: `ack` has been written when it returns, and a message whose acknowledgement is lost
 * with the connection comes again.
 */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { Driver, DriverContext, OpenDriver } from '../../driver/driver.ts';
import { loadLibrary } from './library.ts';
import { Link } from './link.ts';
import type { AmqpOptions } from './options.ts';
import { Publisher } from './publisher.ts';
import { AmqpQueues } from './queue-driver.ts';
import { AmqpRequests, ReplyChannel } from './request-driver.ts';
import { AmqpTopics } from './topic-driver.ts';
import { Topology } from './topology.ts';

export type { AmqpOptions } from './options.ts';

const UNCONFIRMED_MAX = 10_000;

/** For the table of the documents as well. */
export const CAPABILITIES: Capabilities = {
  queue: 'native',
  delay: 'TTL and dead-letter queues, rounded up to 1/16',
  priority: 'native',
  fifo: 'single active consumer: one client at a time works on the queue',
  dedupe: false,
  ttl: 'native',
  limit: 'native',
  'drop-lowest-priority': false,
  peek: 'gets and gives back',
  topic: 'fan-out exchange',
  live: 'fan-out exchange, exclusive queues',
  group: 'stream queue; one member reads at a time, the others take over',
  replay: 'stream queue, one partition',
  fanout: 'native',
  'request-reply': 'direct reply-to',
  'event-log': false,
  transaction: false,
  'manual-clock': false,
};

/** What a PolyMQ does better, when its AMQP listener is asked. */
const OF_POLYMQ: Partial<Capabilities> = { delay: 'native', fifo: 'native' };

/** The parts of a driver that speak AMQP; the driver of PolyMQ takes some of them. */
export interface AmqpParts {
  readonly link: Link;
  readonly topology: Topology;
  readonly publisher: Publisher;
  readonly replyPublisher: Publisher;
  readonly requests: AmqpRequests;
  close(): Promise<void>;
}

export async function openAmqp(
  url: URL,
  options: AmqpOptions,
  context: DriverContext,
): Promise<AmqpParts> {
  const link = new Link(await loadLibrary(), url, options, context);
  const topology = new Topology(link);
  const publisher = new Publisher(link, options.unconfirmedMax ?? UNCONFIRMED_MAX);
  const replies = new ReplyChannel(() => context.clock.nowMs());
  const replyPublisher = new Publisher(link, UNCONFIRMED_MAX, replies.opened);
  const close = async (): Promise<void> => {
    publisher.close();
    replyPublisher.close();
    await link.close();
  };
  try {
    await link.open();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    link,
    topology,
    publisher,
    replyPublisher,
    requests: new AmqpRequests({ link, topology, publisher, replyPublisher, replies }),
    close,
  };
}

export const open: OpenDriver<AmqpOptions | undefined> = async (url, options, context) => {
  const amqp = await openAmqp(url, options ?? {}, context);
  const { link, topology, publisher, requests, close } = amqp;
  const driver: Driver = {
    engine: 'RabbitMQ',
    system: 'rabbitmq',
    capabilities: link.isPolymq ? { ...CAPABILITIES, ...OF_POLYMQ } : CAPABILITIES,
    queues: new AmqpQueues(amqp),
    topics: new AmqpTopics(link, topology, publisher),
    requests,
    close,
  };
  return driver;
};
