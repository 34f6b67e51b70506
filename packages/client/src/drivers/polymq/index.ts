/**
 * The driver for a PolyMQ server: queues, requests and live topics by AMQP, stored topics by Kafka's protocol, looks into queues, sends with
 * `dedupe` and streams of events by HTTP. Needs the package amqplib, and @platformatic/kafka as soon as a stored topic is used.
 */
import type { Capabilities } from '../../driver/capabilities.ts';
import type { Driver, OpenDriver } from '../../driver/driver.ts';
import { openAmqp } from '../amqp/index.ts';
import { PolymqEventLog } from './event-log.ts';
import { PolymqHttp } from './http.ts';
import { type PolymqOptions, polymqAddress } from './options.ts';
import { PolymqQueues } from './queues.ts';
import { PolymqTopics } from './topics.ts';

export type { PolymqOptions } from './options.ts';

/** For the table of the documents as well. */
export const CAPABILITIES: Capabilities = {
  queue: 'native',
  delay: 'native',
  priority: 'native',
  fifo: 'native',
  dedupe: 'native',
  ttl: 'native',
  limit: 'native',
  'drop-lowest-priority': 'native',
  peek: 'native',
  topic: 'native',
  live: 'native',
  group: 'native',
  replay: 'native',
  fanout: 'native',
  'request-reply': 'direct reply-to',
  'event-log': 'native',
  transaction: false,
  'manual-clock': false,
};

export const open: OpenDriver<PolymqOptions | undefined> = async (url, options = {}, context) => {
  const address = polymqAddress(url, options);
  const amqp = await openAmqp(address.amqp, options, context);
  const http = new PolymqHttp(address.http, context);
  const topics = new PolymqTopics(amqp, async () => {
    const kafka = await import('../kafka/index.ts');
    // The state of the client is that of its first connection.
    return kafka.open(address.kafka, {}, { ...context, onConnection: () => undefined });
  });
  const driver: Driver = {
    engine: 'PolyMQ',
    system: 'polymq',
    capabilities: CAPABILITIES,
    queues: new PolymqQueues(amqp, http, address.namespace),
    topics,
    requests: amqp.requests,
    eventLog: new PolymqEventLog(http, () => context.clock.nowMs()),
    close: async () => {
      await topics.close();
      await amqp.close();
      http.close();
    },
  };
  return driver;
};
