/** The queues, exchanges and bindings of one pair, and the messages that find their way through them. */
import type { Table } from '../../packages/polymq/test/support/amqp-frames.ts';
import type { AmqpChannel } from '../../packages/polymq/test/support/amqp-wire.ts';

export type Routing = 'default' | 'fanout' | 'topic' | 'headers';

export interface Topology {
  queues: readonly string[];
  /** Messages that all reach every queue, to be sent in turn: a power of two of them, of one length. */
  messages: readonly { exchange: string; routingKey: string; headers?: Table }[];
  undo(channel: AmqpChannel): Promise<void>;
}

/** Bindings of other queues that match no message but have to be ruled out. */
const OTHER_BINDINGS = 50;
const KEYS = 16;

let names = 0;

export async function declareTopology(
  channel: AmqpChannel,
  shape: { routing: Routing; queues: number; durable: boolean },
): Promise<Topology> {
  const { routing, durable } = shape;
  names += 1;
  const name = `bench-${process.pid}-${names}`;
  const queues = Array.from({ length: shape.queues }, (_, i) => `${name}-${i}`);
  for (const queue of queues) await channel.declareQueue(queue, { durable });
  if (routing === 'default') {
    const messages = [{ exchange: '', routingKey: queues[0]! }];
    return { queues, messages, undo: (undoing) => remove(undoing, queues, undefined) };
  }
  const other = `${name}-other`;
  await channel.declareQueue(other, { durable });
  await channel.call('exchange.declare', { exchange: name, type: routing, durable });
  for (const queue of queues)
    await channel.call('queue.bind', { queue, exchange: name, ...RULES[routing] });
  for (let i = 0; routing !== 'fanout' && i < OTHER_BINDINGS; i += 1) {
    await channel.call('queue.bind', { queue: other, exchange: name, ...otherRule(routing, i) });
  }
  const messages = Array.from({ length: KEYS }, (_, i) => ({
    exchange: name,
    ...route(routing, i),
  }));
  return { queues, messages, undo: (undoing) => remove(undoing, [...queues, other], name) };
}

const RULES: Readonly<Record<Exclude<Routing, 'default'>, Table>> = {
  fanout: {},
  topic: { routingKey: 'order.*.created' },
  headers: { arguments: { 'x-match': 'all', kind: 'order', region: 'eu' } },
};

function otherRule(routing: 'topic' | 'headers', i: number): Table {
  if (routing === 'headers') {
    return { arguments: { 'x-match': 'all', kind: 'order', region: `r${i}` } };
  }
  return { routingKey: i % 2 === 0 ? `order.*.deleted-${i}` : `invoice-${i}.#` };
}

function route(routing: Routing, i: number): { routingKey: string; headers?: Table } {
  if (routing === 'headers') return { routingKey: '', headers: { kind: 'order', region: 'eu', i } };
  return { routingKey: routing === 'topic' ? `order.${10 + i}.created` : '' };
}

async function remove(
  channel: AmqpChannel,
  queues: readonly string[],
  exchange: string | undefined,
): Promise<void> {
  for (const queue of queues) await channel.call('queue.delete', { queue });
  if (exchange !== undefined) await channel.call('exchange.delete', { exchange });
}
