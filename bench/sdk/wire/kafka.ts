/** Published with keys by an idempotent producer, and read from the start: @platformatic/kafka, and the client on it. */
import { randomUUID } from 'node:crypto';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { type Client, connect } from '@polymq/client';
import { startPolymq } from '../../../packages/polymq/test/support/polymq.ts';
import { type Contest, countdown, perSecond, type Rates } from './contest.ts';

const COUNT = 100_000;
const BATCH = 1_000;
const PARTITIONS = 4;
const DATA = { order: 17, customer: 'c-4711', lines: ['a', 'b', 'c'], note: 'x'.repeat(120) };
const KEYS = Array.from({ length: 64 }, (_, n) => `key-${n}`);

export const KAFKA: readonly Contest[] = [
  {
    wire: 'kafka',
    broker: 'PolyMQ',
    async start() {
      const broker = await startPolymq({ listen: ['kafka://127.0.0.1:0'] });
      const address = `127.0.0.1:${broker.port('kafka')}`;
      const mq = await connect(`kafka://${address}`);
      return {
        bare: () => bare(address, `bare-${randomUUID()}`),
        sdk: () => sdk(mq, `sdk-${randomUUID()}`),
        async stop() {
          await mq.close();
          await broker.stop();
        },
      };
    },
  },
];

async function bare(address: string, topic: string): Promise<Rates> {
  const base = { clientId: 'bench', bootstrapBrokers: [address] };
  const admin = new Admin(base);
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  const producer = new Producer({ ...base, idempotent: true });
  const publish = await perSecond(COUNT, async () => {
    for (let at = 0; at < COUNT; at += BATCH) {
      await producer.send({ messages: bareRecords(topic, at), acks: -1 });
    }
  });
  await producer.close();
  const consumer = new Consumer({ ...base, groupId: randomUUID() });
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
  const subscribe = await perSecond(COUNT, async () => {
    let count = 0;
    for await (const message of stream) {
      JSON.parse(message.value!.toString());
      count += 1;
      if (count === COUNT) break;
    }
  });
  await (consumer.close(true) as unknown as Promise<void>);
  await admin.deleteTopics({ topics: [topic] });
  await admin.close();
  return { publish, subscribe };
}

/** With an id and a content type each, as the client has them. */
function bareRecords(topic: string, at: number) {
  return Array.from({ length: BATCH }, (_, n) => ({
    topic,
    key: Buffer.from(KEYS[(at + n) % KEYS.length]!),
    value: Buffer.from(JSON.stringify(DATA)),
    headers: new Map([
      [Buffer.from('id'), Buffer.from(randomUUID())],
      [Buffer.from('content-type'), Buffer.from('application/json')],
    ]),
  }));
}

async function sdk(mq: Client, name: string): Promise<Rates> {
  const topic = mq.topic<typeof DATA>(name, { partitions: PARTITIONS });
  await topic.ready();
  const publish = await perSecond(COUNT, async () => {
    for (let at = 0; at < COUNT; at += BATCH) {
      await topic.publishBatch(
        Array.from({ length: BATCH }, (_, n) => {
          return { data: DATA, key: KEYS[(at + n) % KEYS.length]! };
        }),
      );
    }
  });
  const { arrive, done } = countdown(COUNT);
  let subscription: { close(): Promise<void> } | undefined;
  const subscribe = await perSecond(COUNT, () => {
    subscription = topic.subscribe(arrive, { from: 'start' });
    return done;
  });
  await subscription?.close();
  return { publish, subscribe };
}
