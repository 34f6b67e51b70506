/** Takes everything out of the queues, into the history. */
import type { QueueHistory } from '../../../checker/queue-history.ts';
import { type AmqpChannel, AmqpWire } from '../../../support/amqp-wire.ts';
import { decodeValue } from '../values.ts';

/** How long a queue that says it has more may give nothing. */
const QUIET_MS_MAX = 10_000;

export async function drainQueues(
  port: number,
  queues: readonly string[],
  history: QueueHistory,
): Promise<void> {
  const wire = await AmqpWire.connect({ port });
  for (const queue of queues) {
    const channel = await wire.openChannel();
    await drainOne(channel, queue, history);
    await channel.close();
  }
  await wire.close();
}

async function drainOne(channel: AmqpChannel, queue: string, history: QueueHistory): Promise<void> {
  const values: string[] = [];
  const redelivered: boolean[] = [];
  const count = Number((await channel.declareQueue(queue, { passive: true }))['messageCount']);
  let quietSince = Date.now();
  channel.onMethod = (method, args, content) => {
    if (method !== 'basic.deliver') return;
    quietSince = Date.now();
    values.push(decodeValue(content!.body));
    redelivered.push(args['redelivered'] === true);
  };
  await channel.call('basic.consume', { queue, consumerTag: 'drain', noAck: true });
  while (values.length < count && Date.now() - quietSince < QUIET_MS_MAX && !channel.closed) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await channel.call('basic.cancel', { consumerTag: 'drain' });
  // What is there beyond what the queue said it had.
  for (;;) {
    const message = await channel.get(queue, true);
    if (!message) break;
    values.push(decodeValue(message.body));
    redelivered.push(message.args['redelivered'] === true);
  }
  history.drained({ queue, values, redelivered });
}
