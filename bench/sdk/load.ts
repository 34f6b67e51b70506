/**
 * One run of one scenario in a process of its own, which the broker shares: `load.ts SCENARIO DATA ORDER`. Prints a line of JSON.
 */
import { availableParallelism } from 'node:os';
import type { Client, Queue } from '@polymq/client';
import { embed } from 'polymq';

export interface LoadOrder {
  readonly seconds: number;
  /** Messages per call. */
  readonly batch: number;
  /** Calls at the same time. */
  readonly inFlight: number;
}

export interface LoadResult {
  readonly messages: number;
  readonly seconds: number;
  /** Of the whole process, broker and all threads: user and system. */
  readonly cpuSeconds: number;
  readonly cores: number;
}

interface Order {
  orderId: string;
  action: string;
  amount: number;
}

type Scenario = (mq: Client, order: LoadOrder, until: () => boolean) => Promise<number>;

/** Handlers at the same time. */
const CONCURRENCY = 100;
/** How many batches may wait for the consumer. */
const BATCHES_AHEAD = 20;

/** Made once: what is measured is the client, not the program that fills its orders. */
function itemsOf(count: number): { data: Order }[] {
  return Array.from({ length: count }, (_, index) => {
    return { data: { orderId: `order-${index}`, action: 'process', amount: index } };
  });
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  /** Nothing but sends. */
  async send(mq, order, until) {
    const queue = await ready(mq);
    const items = itemsOf(order.batch);
    return parallel(order.inFlight, until, () => sendAll(queue, items));
  },
  /** What is sent is received and acknowledged, as many at a time. */
  async receive(mq, order, until) {
    const queue = await ready(mq);
    const items = itemsOf(order.batch);
    return parallel(order.inFlight, until, async () => {
      await sendAll(queue, items);
      const messages = await queue.receiveBatch({ max: order.batch, wait: 1_000 });
      await Promise.all(messages.map((message) => message.ack()));
      return messages.length;
    });
  },
  /** The same with a consumer. */
  async consume(mq, order, until) {
    const queue = await ready(mq);
    const items = itemsOf(order.batch);
    let consumed = 0;
    const consumer = queue.consume(
      () => {
        consumed += 1;
      },
      { concurrency: CONCURRENCY },
    );
    await consumer.ready();
    let sent = 0;
    await parallel(order.inFlight, until, async () => {
      // Those that wait stay about as many.
      while (sent - consumed > BATCHES_AHEAD * order.batch) await pause();
      sent += order.batch;
      return sendAll(queue, items);
    });
    await consumer.close();
    return consumed;
  },
};

async function ready(mq: Client): Promise<Queue<Order>> {
  const queue = mq.queue<Order>('bench-orders');
  await queue.ready();
  return queue;
}

async function sendAll(queue: Queue<Order>, items: { data: Order }[]): Promise<number> {
  const outcomes = await queue.sendBatch(items);
  for (const { error } of outcomes) if (error !== undefined) throw error;
  return items.length;
}

/** The consumer gets its turns meanwhile. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

async function parallel(
  count: number,
  until: () => boolean,
  once: () => Promise<number>,
): Promise<number> {
  const each = Array.from({ length: count }, async () => {
    let messages = 0;
    while (!until()) messages += await once();
    return messages;
  });
  return (await Promise.all(each)).reduce((sum, messages) => sum + messages, 0);
}

async function main(): Promise<void> {
  const [name = '', data = '', json = ''] = process.argv.slice(2);
  const order = JSON.parse(json) as LoadOrder;
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`no scenario is called ${name}`);
  const mq = await embed({ data });
  // What is compiled late is not what is measured.
  await timed(scenario, mq, { ...order, seconds: Math.min(1, order.seconds) });
  await mq.queue('bench-orders').purge();
  const result = await timed(scenario, mq, order);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await mq.close();
}

async function timed(scenario: Scenario, mq: Client, order: LoadOrder): Promise<LoadResult> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + order.seconds * 1_000;
  const messages = await scenario(mq, order, () => performance.now() >= endMs);
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { messages, seconds, cpuSeconds: (user + system) / 1e6, cores: availableParallelism() };
}

await main();
