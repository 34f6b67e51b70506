/**
 * What the SDK costs over the wire: records published and read through its driver for Kafka, against the bare client library that it
 * stands on, in the same run on the same broker.
 *
 *   npx tsx --conditions=@polymq/source bench/sdk/kafka-wire.ts [HOST:PORT]
 */
import { randomUUID } from 'node:crypto';
import { Admin, Consumer, Producer } from '@platformatic/kafka';
import { connect } from '@polymq/client';
import { startPolymq } from '../../packages/polymq/test/support/polymq.ts';

const RECORDS = 100_000;
const BATCH = 1_000;
const ROUNDS = 3;
const PARTITIONS = 4;
const DATA = { order: 17, customer: 'c-4711', lines: ['a', 'b', 'c'], note: 'x'.repeat(120) };
const KEYS = Array.from({ length: 64 }, (_, n) => `key-${n}`);

type Rates = Record<'publish' | 'subscribe', number[]>;

async function main(): Promise<void> {
  const given = process.argv[2];
  const broker =
    given === undefined ? await startPolymq({ listen: ['kafka://127.0.0.1:0'] }) : undefined;
  const address = given ?? `127.0.0.1:${broker!.port('kafka')}`;
  const bare: Rates = { publish: [], subscribe: [] };
  const sdk: Rates = { publish: [], subscribe: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    await runBare(address, `bare-${randomUUID()}`, bare);
    await runSdk(address, `sdk-${randomUUID()}`, sdk);
  }
  for (const what of ['publish', 'subscribe'] as const) {
    const [a, b] = [best(bare[what]), best(sdk[what])];
    const share = Math.round((b / a) * 100);
    process.stdout.write(`${what}: bare ${a}/s, SDK ${b}/s, ${share} %\n`);
  }
  await broker?.stop();
}

const best = (rates: readonly number[]): number => Math.round(Math.max(...rates));

/** Records a second since `startMs`. */
const rate = (startMs: number): number => RECORDS / ((performance.now() - startMs) / 1000);

async function runBare(address: string, topic: string, rates: Rates): Promise<void> {
  const base = { clientId: 'bench', bootstrapBrokers: [address] };
  const admin = new Admin(base);
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  const producer = new Producer({ ...base, idempotent: true });
  const type = Buffer.from('application/json');
  let startMs = performance.now();
  for (let at = 0; at < RECORDS; at += BATCH) {
    const messages = Array.from({ length: BATCH }, (_, n) => ({
      topic,
      key: Buffer.from(KEYS[(at + n) % KEYS.length]!),
      value: Buffer.from(JSON.stringify(DATA)),
      headers: new Map([
        [Buffer.from('id'), Buffer.from(randomUUID())],
        [Buffer.from('content-type'), type],
      ]),
    }));
    await producer.send({ messages, acks: -1 });
  }
  rates.publish.push(rate(startMs));
  await producer.close();
  const consumer = new Consumer({ ...base, groupId: randomUUID() });
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false });
  startMs = performance.now();
  let count = 0;
  for await (const message of stream) {
    JSON.parse(message.value!.toString());
    count += 1;
    if (count === RECORDS) break;
  }
  rates.subscribe.push(rate(startMs));
  await (consumer.close(true) as unknown as Promise<void>);
  await admin.close();
}

async function runSdk(address: string, name: string, rates: Rates): Promise<void> {
  const mq = await connect(`kafka://${address}`);
  const topic = mq.topic<typeof DATA>(name, { partitions: PARTITIONS });
  await topic.ready();
  let startMs = performance.now();
  for (let at = 0; at < RECORDS; at += BATCH) {
    await topic.publishBatch(
      Array.from({ length: BATCH }, (_, n) => ({ data: DATA, key: KEYS[(at + n) % KEYS.length]! })),
    );
  }
  rates.publish.push(rate(startMs));
  startMs = performance.now();
  await new Promise<void>((resolve) => {
    let count = 0;
    topic.subscribe(
      (message) => {
        if (message.data.order !== DATA.order) throw new Error('other data');
        count += 1;
        if (count === RECORDS) resolve();
      },
      { from: 'start' },
    );
  });
  rates.subscribe.push(rate(startMs));
  await mq.close();
}

await main();
