/**
 * What is particular to the driver for Kafka: records of other programs, partitions, offsets, a broker that is killed. PolyMQ as its own
 * process, or what `TEST_KAFKA` names (`given-engines.ts`). What every driver must do stands in the contract suite.
 */
import { randomUUID } from 'node:crypto';
import { Kafka, type Admin as KafkaJsAdmin, logLevel, PartitionAssigners } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../polymq/test/support/apache-kafka.ts';
import type { Driver, GroupSink, TopicSink } from '../../src/driver/driver.ts';
import { type KafkaOptions, open } from '../../src/drivers/kafka/index.ts';
import type { PolymqError } from '../../src/errors.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { TopicRecord, WireMessage } from '../../src/message/wire-message.ts';
import { eventually } from '../contract/stage.ts';
import { type Engine, startPolymqEngine } from '../support/engines.ts';
import { type GivenEngine, givenKafka, kafkaIsGiven } from '../support/given-engines.ts';

let given: GivenEngine | undefined;
let engine: Engine | undefined;
let address: string;
let driver: Driver;
let kafka: Kafka;
let admin: KafkaJsAdmin;
const opened: Driver[] = [];

beforeAll(async () => {
  given = await givenKafka();
  if (given === undefined) engine = await startPolymqEngine(['kafka']);
  address = given?.address ?? `127.0.0.1:${engine!.port('kafka')}`;
  driver = await openDriver();
  kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin?.disconnect();
  await Promise.all(opened.map((one) => one.close()));
  await engine?.stop();
  await given?.stop();
});

async function openDriver(options?: KafkaOptions, timeoutMs = 30_000): Promise<Driver> {
  const onConnection = (): void => {};
  const context = { clock: systemClock, timeoutMs, clientName: 'kafka test', onConnection };
  const one = await open(new URL(`kafka://${address}`), options, context);
  opened.push(one);
  return one;
}

async function newTopic(partitions = 1): Promise<string> {
  const name = `topic-${randomUUID()}`;
  await driver.topics!.declareTopic({ name, partitions, live: false });
  return name;
}

function message(body: string, more: Partial<WireMessage> = {}): WireMessage {
  const facts = { id: randomUUID(), contentType: 'text/plain', headers: {} };
  return { ...facts, timestampMs: Date.now(), body: Buffer.from(body), ...more };
}

function listIn(records: TopicRecord[]): TopicSink & GroupSink {
  return {
    deliver: (some) => void records.push(...some),
    revoked: () => {},
    ended: () => {},
  };
}

const textOf = ({ body }: { body: Uint8Array }): string => Buffer.from(body).toString();

describe('records of other programs', () => {
  it('come with what they have: binary headers and keys, tombstones, no id', async () => {
    const topic = await newTopic();
    const records: TopicRecord[] = [];
    await driver.topics!.subscribeTopic(topic, { at: 'start' }, listIn(records));
    const producer = kafka.producer();
    await producer.connect();
    const bytes = Buffer.from([0, 255, 254]);
    await producer.send({
      topic,
      messages: [
        { key: 'k', value: '{"a":1}', headers: { 'content-type': 'application/json', bytes } },
        { key: bytes, value: null },
        { value: '' },
      ],
    });
    await producer.disconnect();
    await eventually('all came', () => records.length === 3);
    const [json, tombstone, empty] = records;
    expect(json).toMatchObject({ key: 'k', contentType: 'application/json' });
    expect(json?.headers['bytes']).toBe(bytes.toString('base64'));
    expect(json?.id).toBe(`${topic}-0-0`);
    expect(tombstone).toMatchObject({ key: bytes.toString('base64') });
    expect(tombstone?.headers['polymq-null-value']).toBe('true');
    expect(empty).toMatchObject({ key: undefined, contentType: '' });
    expect(empty?.headers).toEqual({});
  });

  it('are written so that they can read them, to the partition of their own producers', async () => {
    const topic = await newTopic(5);
    const keys = ['a', 'order-123', 'ü', '', 'a-little-bit-longer-string'];
    const sent = keys.map((key) =>
      message(key, { key, type: 'Placed', headers: { h: 'ö' }, correlationId: 'c' }),
    );
    const ours = await driver.topics!.publish(topic, sent);
    const producer = kafka.producer();
    await producer.connect();
    for (const [index, key] of keys.entries()) {
      const [theirs] = await producer.send({ topic, messages: [{ key, value: 'x' }] });
      expect(theirs?.partition, key).toBe(ours[index]?.partition);
    }
    await producer.disconnect();
    const consumer = kafka.consumer({ groupId: randomUUID() });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen: Record<string, string | undefined>[] = [];
    await consumer.run({
      eachMessage: async ({ message: { key, value, headers } }) => {
        if (headers?.['h'] === undefined) return;
        const named = Object.entries(headers).map(([name, text]) => [name, String(text)]);
        seen.push({ ...Object.fromEntries(named), key: String(key), value: String(value) });
      },
    });
    await eventually('all came', () => seen.length === keys.length);
    await consumer.disconnect();
    const first = seen.find(({ value }) => value === 'order-123');
    expect(first).toEqual({
      key: 'order-123',
      value: 'order-123',
      h: 'ö',
      'polymq-message-id': sent[1]?.id,
      'polymq-content-type': 'text/plain',
      'polymq-type': 'Placed',
      'polymq-correlation-id': 'c',
    });
  });

  it('share a group with members of other libraries', async () => {
    const topic = await newTopic(4);
    const group = randomUUID();
    const ours: TopicRecord[] = [];
    const member = await driver.topics!.joinGroup!(topic, group, { at: 'start' }, listIn(ours));
    const { roundRobin } = PartitionAssigners;
    const consumer = kafka.consumer({
      groupId: group,
      partitionAssigners: [(config) => ({ ...roundRobin(config), name: 'roundrobin' })],
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const theirs: string[] = [];
    await consumer.run({
      eachMessage: async ({ message: { value } }) => void theirs.push(String(value)),
    });
    await eventually('both get something', async () => {
      const keys = Array.from({ length: 20 }, (_, n) => message('x', { key: `${n}` }));
      await driver.topics!.publish(topic, keys);
      return ours.length > 0 && theirs.length > 0;
    });
    await consumer.disconnect();
    await member.close();
  });
});

describe('topics', () => {
  it('are read with the partitions that are added later', async () => {
    const topic = await newTopic(1);
    const records: TopicRecord[] = [];
    await driver.topics!.subscribeTopic(topic, { at: 'new' }, listIn(records));
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    const keys = Array.from({ length: 30 }, (_, n) => message(`${n}`, { key: `key ${n}` }));
    // The producer learns of new partitions as late as the reader does.
    const all = await eventually('a new partition is written to', async () => {
      const outcomes = await driver.topics!.publish(topic, keys);
      return outcomes.some(({ partition }) => partition > 0) ? outcomes : undefined;
    });
    const last = all.findLast(({ partition }) => partition > 0)!;
    await eventually('its records come', () =>
      records.some(
        ({ partition, offset }) => partition === last.partition && offset === last.offset,
      ),
    );
  });

  it('go on at the first record that is kept when what was next has been deleted', async () => {
    const topic = await newTopic(1);
    await driver.topics!.publish(
      topic,
      [1, 2, 3, 4].map((n) => message(`${n}`)),
    );
    // kafkajs deletes only in topics that it has looked at.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    const records: TopicRecord[] = [];
    await driver.topics!.subscribeTopic(topic, { at: 'offsets', offsets: 0 }, listIn(records));
    await eventually('the rest came', () => records.length === 2);
    expect(records.map(textOf)).toEqual(['3', '4']);
  });

  it('end their subscriptions when they are deleted', async () => {
    const topic = await newTopic(1);
    const errors: PolymqError[] = [];
    const sink = { deliver: () => {}, ended: (error: PolymqError) => void errors.push(error) };
    await driver.topics!.subscribeTopic(topic, { at: 'new' }, sink);
    await driver.topics!.deleteTopic(topic);
    await eventually('it has ended', () => errors.length === 1);
    expect(errors[0]?.code).toBe('not-found');
  });

  it('store what comes behind a message that is too large', async () => {
    const topic = await newTopic(1);
    const large = driver.topics!.publish(topic, [message('x'.repeat(3_000_000))]);
    const small = driver.topics!.publish(topic, [message('small')]);
    await expect(large).rejects.toMatchObject({ code: 'message-too-large', retryable: false });
    expect(await small).toEqual([{ partition: 0, offset: 0 }]);
    expect(await driver.topics!.publish(topic, [message('next')])).toEqual([
      { partition: 0, offset: 1 },
    ]);
  });

  it('store what is beside a message that is too large', async () => {
    const topic = await newTopic(1);
    const outcomes = driver.queues!.send(topic, [
      message('a'),
      message('x'.repeat(3_000_000)),
      message('b'),
    ]);
    expect(await outcomes).toMatchObject([
      { duplicate: false },
      { error: { code: 'message-too-large' } },
      { duplicate: false },
    ]);
  });

  it('are copied into a queue around what the queue cannot take, which becomes a dead letter', async () => {
    const topic = await newTopic(1);
    const queue = `queue-${randomUUID()}`;
    const configEntries = [{ name: 'max.message.bytes', value: '2000' }];
    await admin.createTopics({ topics: [{ topic: queue, numPartitions: 1, configEntries }] });
    const spec = { durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000 };
    await driver.queues!.declareQueue({ ...spec, name: `${queue}-dlq` });
    await driver.queues!.declareQueue({ ...spec, name: queue, deadLetter: `${queue}-dlq` });
    await driver.topics!.bindQueue!(topic, queue);
    const texts = ['a', 'x'.repeat(5_000), 'b'];
    await driver.topics!.publish(
      topic,
      texts.map((text) => message(text)),
    );
    const take = { max: 1, waitMs: 20_000, leaseMs: 30_000 };
    const taken: string[] = [];
    for (const from of [queue, queue, `${queue}-dlq`]) {
      const [delivery] = await driver.queues!.receive(from, take);
      taken.push(textOf(delivery!));
      await driver.queues!.ack(delivery!);
    }
    expect(taken).toEqual(['a', 'b', texts[1]]);
    await eventually('all of it is committed', async () => {
      const lag = await driver.topics!.groupLag!(topic, `polymq.bind.${queue}`);
      return lag.get(0) === 0;
    });
  });

  it('are copied no more into a queue that was deleted, nor later into one of its name', async () => {
    const topic = await newTopic(1);
    const name = `queue-${randomUUID()}`;
    const spec = { name, durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000 };
    await driver.queues!.declareQueue(spec);
    await driver.topics!.bindQueue!(topic, name);
    await driver.queues!.deleteQueue(name);
    await driver.topics!.publish(topic, [message('between')]);
    await driver.queues!.declareQueue(spec);
    await driver.topics!.bindQueue!(topic, name);
    await driver.topics!.publish(topic, [message('after')]);
    const [delivery] = await driver.queues!.receive(name, {
      max: 1,
      waitMs: 20_000,
      leaseMs: 30_000,
    });
    expect(textOf(delivery!)).toBe('after');
    await driver.queues!.ack(delivery!);
  });

  it('are all copied into a queue while processes with the binding come and go', async () => {
    const topic = await newTopic(4);
    const name = `queue-${randomUUID()}`;
    const spec = { name, durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000 };
    await driver.queues!.declareQueue(spec);
    const published: string[] = [];
    const publishSome = async (): Promise<void> => {
      const some = Array.from({ length: 500 }, (_, n) => `${published.length + n}`);
      published.push(...some);
      const records = some.map((text) => message(text, { key: text }));
      await driver.topics!.publish(topic, records);
    };
    const [first, second] = [await openDriver(), await openDriver()];
    await first.topics!.bindQueue!(topic, name);
    for (const change of [
      () => second.topics!.bindQueue!(topic, name),
      () => first.close(),
      () => driver.topics!.bindQueue!(topic, name),
      () => second.close(),
    ]) {
      const publishing = publishSome();
      await change();
      await publishing;
    }
    await publishSome();
    const group = `polymq.bind.${name}`;
    await eventually('all of it is committed', async () =>
      [...(await driver.topics!.groupLag!(topic, group)).values()].every((lag) => lag === 0),
    );
    const copies = await driver.queues!.peek(name, 10_000);
    expect([...new Set(copies.map(textOf))].sort()).toEqual(published.sort());
  });

  it('that are not there fail, and hold up no others', async () => {
    const topic = await newTopic(1);
    const missing = driver.topics!.publish(randomUUID(), [message('x')]);
    const there = driver.topics!.publish(topic, [message('x')]);
    await expect(missing).rejects.toMatchObject({ code: 'not-found' });
    expect(await there).toHaveLength(1);
  });

  it('are held up by a member that finishes its work before others get its partitions', async () => {
    const topic = await newTopic(2);
    const group = randomUUID();
    const order: string[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = await driver.topics!.joinGroup!(
      topic,
      group,
      { at: 'start' },
      {
        deliver: () => {},
        revoked: async () => {
          order.push('revoked');
          await held;
          order.push('released');
        },
        ended: () => {},
      },
    );
    const joining = driver.topics!.joinGroup!(topic, group, { at: 'start' }, listIn([])).then(
      (second) => {
        order.push('joined');
        return second;
      },
    );
    await eventually('it is asked to give up its partitions', () => order.length === 1);
    release();
    const second = await joining;
    expect(order).toEqual(['revoked', 'released', 'joined']);
    await first.close();
    await second.close();
  });
});

describe('queues', () => {
  it('let a message pass another one whose retry is not due', async () => {
    const queues = driver.queues!;
    const name = `queue-${randomUUID()}`;
    const spec = { name, durable: true, fifo: false, priorityMax: 0, leaseMs: 30_000 };
    await queues.declareQueue(spec);
    await queues.send(name, [message('fails')]);
    const wait = { max: 1, waitMs: 20_000, leaseMs: 30_000 };
    const [failing] = await queues.receive(name, wait);
    const again = message('fails', { id: failing!.id });
    await queues.move(failing!, name, { ...again, delayMs: 600_000 });
    await queues.send(name, [message('passes')]);
    const [passing] = await queues.receive(name, wait);
    expect(textOf(passing!)).toBe('passes');
    await queues.ack(passing!);
    expect(await queues.receive(name, { ...wait, waitMs: 0 })).toEqual([]);
    expect(await queues.peek(name, 10)).toMatchObject([{ id: failing!.id }]);
  });

  it('leave a message with who has it when others come', async () => {
    const queues = driver.queues!;
    const name = `queue-${randomUUID()}`;
    await queues.declareQueue({ name, durable: true, fifo: false, priorityMax: 0, leaseMs: 1 });
    await queues.send(name, [message('mine')]);
    const wait = { max: 1, waitMs: 20_000, leaseMs: 30_000 };
    const [mine] = await queues.receive(name, wait);
    const other = (await openDriver()).queues!;
    expect(await other.receive(name, { ...wait, waitMs: 0 })).toEqual([]);
    await queues.ack(mine!);
    await other.send(name, [message('next')]);
    const [next] = await other.receive(name, wait);
    expect(textOf(next!)).toBe('next');
  });
});

it('refuses an address at which nobody is, within its time', async () => {
  const port = await freePort();
  const context = {
    clock: systemClock,
    timeoutMs: 500,
    clientName: 'x',
    onConnection: () => {},
  };
  const opening = open(new URL(`kafka://127.0.0.1:${port}`), {}, context);
  await expect(opening).rejects.toMatchObject({ code: 'disconnected', retryable: true });
});

// Skipped with TEST_KAFKA: only PolyMQ, which these tests have started, is killed by them.
it.skipIf(kafkaIsGiven)(
  'loses and doubles nothing when the broker is killed while records are published',
  async () => {
    const one = await openDriver(undefined, 90_000);
    const topic = await newTopic(3);
    const stored: string[] = [];
    let killed = false;
    const publishing = (async () => {
      for (let n = 0; !killed || n % 10 !== 0; n += 1) {
        const some = [0, 1, 2].map((k) => message(`${n}-${k}`, { key: `${k}` }));
        await one.topics!.publish(topic, some);
        stored.push(...some.map(textOf));
      }
    })();
    await eventually('some are stored', () => stored.length > 30);
    await engine!.kill!();
    killed = true;
    await publishing;
    const records: TopicRecord[] = [];
    await driver.topics!.subscribeTopic(topic, { at: 'start' }, listIn(records));
    await eventually('all came', () => records.length >= stored.length);
    expect(records.map(textOf).toSorted()).toEqual(stored.toSorted());
    for (const k of ['0', '1', '2']) {
      const numbers = records
        .filter(({ key }) => key === k)
        .map((record) => Number(textOf(record).split('-')[0]));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  },
);
