/** A broker for one part of the large test, and bulk publishing and consuming on it. */
import { Consumer } from '../../../../bench/amqp/consumer.ts';
import { Publisher } from '../../../../bench/amqp/publisher.ts';
import { Latencies } from '../../../../bench/lib/statistics.ts';
import { type AmqpChannel, AmqpWire } from '../support/amqp-wire.ts';
import type { Polymq } from '../support/polymq.ts';
import { type LargeOptions, startLargeBroker } from './parts.ts';

const READ_BYTES = 256 * 1024;

export function startBroker(data: string, options: LargeOptions): Promise<Polymq> {
  return startLargeBroker('amqp', data, options);
}

export async function connect(broker: Polymq): Promise<AmqpChannel> {
  const wire = await AmqpWire.connect({ port: broker.port('amqp'), readBytes: READ_BYTES });
  return await wire.openChannel();
}

export async function messageCount(broker: Polymq, queue: string): Promise<number> {
  const channel = await connect(broker);
  const { messageCount: count } = await channel.declareQueue(queue, { passive: true });
  await channel.wire.close();
  return Number(count);
}

/** Numbers in the first four bytes, letters behind them. */
export function bodyOf(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i < 4 ? 0 : 65 + (i % 26))));
}

export interface BulkPublish {
  queue: string;
  messages: number;
  bodyBytes: number;
  window: number;
  persistent: boolean;
  numbersFrom?: number;
  /** Called about every 20 ms. */
  onProgress?(confirmed: number): void;
}

/** Publishes with confirms and resolves when all are confirmed. */
export async function publishAll(broker: Polymq, what: BulkPublish): Promise<void> {
  const channel = await connect(broker);
  await channel.call('confirm.select');
  const unit = channel.publishFrames({ routingKey: what.queue }, bodyOf(what.bodyBytes), {
    deliveryMode: what.persistent ? 2 : 1,
  });
  let failure: Error | undefined;
  const publisher = new Publisher(channel, {
    units: [unit],
    bodyAt: unit.length - 1 - what.bodyBytes,
    confirms: true,
    window: what.window,
    messagesMax: what.messages,
    numbersFrom: what.numbersFrom,
    copies: 1,
    latencies: new Latencies(),
    onFailure: (error) => {
      failure ??= error;
    },
  });
  channel.wire.onClosed = (error) => {
    failure ??= error;
  };
  publisher.start();
  while (publisher.confirmed < what.messages && !failure) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    what.onProgress?.(publisher.confirmed);
  }
  if (failure) throw failure;
  channel.wire.destroy();
}

/** Takes that many messages, acknowledging each, and sees that their numbers go up from 0 without a gap. */
export async function consumeAll(
  broker: Polymq,
  what: { queue: string; messages: number; bodyBytes: number },
): Promise<void> {
  const channel = await connect(broker);
  await channel.call('basic.qos', { prefetchCount: 2000 });
  let failure: Error | undefined;
  let delivered = 0;
  const consumer = new Consumer(channel, {
    acks: 'each',
    body: bodyOf(what.bodyBytes),
    queues: 1,
    redelivered: true,
    onDelivered: (count) => {
      delivered += count;
    },
    onFailure: (error) => {
      failure ??= error;
    },
  });
  channel.wire.onClosed = (error) => {
    failure ??= error;
  };
  await channel.call('basic.consume', { queue: what.queue, consumerTag: 'c0' });
  consumer.takeOver();
  let quiet = 0;
  while (delivered < what.messages && !failure && quiet < QUIET_MS_MAX) {
    const before = delivered;
    await new Promise((resolve) => setTimeout(resolve, 20));
    quiet = delivered === before ? quiet + 20 : 0;
  }
  // The last acknowledgements are on their way; closing with a handshake sees them in.
  channel.wire.giveBack();
  if (!failure && delivered < what.messages) {
    failure = new Error(`nothing more came after ${delivered} of ${what.messages} messages`);
  }
  if (failure) {
    channel.wire.destroy();
    throw failure;
  }
  await channel.wire.close();
}

const QUIET_MS_MAX = 20_000;
