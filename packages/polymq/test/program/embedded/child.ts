/** A program that embeds the broker, for tests that end it without warning: `child.ts DATA`. Says what is durable. */
import { embed } from 'polymq';

const mq = await embed({ data: process.argv[2]! });
const orders = mq.queue<{ n: number }>('orders');
const sent = await orders.sendBatch(Array.from({ length: 500 }, (_, n) => ({ data: { n } })));
await orders.send({ n: -1 }, { dedupe: 'once', delay: '1h' });
const events = mq.topic<number>('events', { partitions: 2 });
for (let n = 0; n < 10; n += 1) await events.publish(n, { key: `k${n % 2}` });
const done: number[] = [];
const group = events.group('readers').consume(({ data }) => void done.push(data));
while (done.length < 10) await new Promise((resolve) => setTimeout(resolve, 5));
await group.close();
const consumer = orders.consume(
  async ({ data, retryCount }) => {
    console.log(`handling ${data.n} for the ${retryCount + 1}. time`);
    await new Promise(() => undefined);
  },
  { concurrency: 1, prefetch: 0 },
);
await consumer.ready();
console.log(`durable ${sent.filter(({ error }) => error === undefined).length}`);
