import { randomBytes } from 'node:crypto';
import { CompressionTypes, type Kafka, type KafkaMessage } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, kafkaJs, newTopic, readAll, sendAll, text, withAdmin } from './kafkajs-client.ts';
import {
  eventually,
  type KafkaPeer,
  PEER_IS_OURS,
  PEER_KIND,
  startPeer,
  uniqueName,
} from './peer.ts';

let peer: KafkaPeer;
let kafka: Kafka;

beforeAll(async () => {
  peer = await startPeer();
  kafka = kafkaJs(peer);
});
afterAll(() => peer?.stop());

/** The program of the README, with nothing said about the topic beforehand. */
async function sendOrder(topic: string): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({
    topic,
    messages: [{ key: 'order-123', value: JSON.stringify({ amount: 100 }) }],
  });
  await producer.disconnect();
}

function orderOf(message: KafkaMessage | undefined): unknown {
  return { key: text(message?.key), value: JSON.parse(text(message?.value) ?? 'null') };
}

const ORDER = { key: 'order-123', value: { amount: 100 } };

describe('the orders program', () => {
  test('a message sent to a topic nobody created reaches a consumer group', async () => {
    const topic = uniqueName('orders');
    await sendOrder(topic);
    const [first] = await readAll(kafka, topic, 1);
    expect(orderOf(first?.message)).toEqual(ORDER);
    expect(first?.message.offset).toBe('0');
  });

  test('a consumer that subscribed first gets the message as it is sent', async () => {
    const topic = await newTopic(kafka, 'orders');
    const collector = await collect(kafka, topic, { fromBeginning: false });
    await sendOrder(topic);
    const [first] = await collector.waitFor(1);
    await collector.disconnect();
    expect(orderOf(first?.message)).toEqual(ORDER);
  });

  // Only a broker that this test has started may be killed.
  test.skipIf(!PEER_IS_OURS)(
    'a message acknowledged before kill -9 is read after the restart',
    async () => {
      const topic = uniqueName('orders');
      await sendOrder(topic);
      await peer.crashAndRestart();
      const [first] = await readAll(kafka, topic, 1);
      expect(orderOf(first?.message)).toEqual(ORDER);
    },
  );

  test.skipIf(!PEER_IS_OURS)('a group goes on after kill -9 where it had committed', async () => {
    const topic = await newTopic(kafka, 'orders');
    const groupId = uniqueName('billing');
    await sendAll(kafka, topic, [{ value: 'one' }, { value: 'two' }]);
    expect(await readAll(kafka, topic, 2, { groupId })).toHaveLength(2);
    await sendAll(kafka, topic, [{ value: 'three' }]);
    await peer.crashAndRestart();
    const rest = await readAll(kafka, topic, 1, { groupId });
    expect(rest.map(({ message }) => text(message.value))).toEqual(['three']);
  });

  test.skipIf(!PEER_IS_OURS)(
    'a connected producer and consumer carry on over kill -9 and restart',
    async () => {
      const topic = await newTopic(kafka, 'orders');
      const producer = kafka.producer();
      await producer.connect();
      const collector = await collect(kafka, topic);
      await producer.send({ topic, messages: [{ value: 'before' }] });
      await collector.waitFor(1);
      await peer.crashAndRestart();
      await eventually('the producer is through again', () =>
        producer.send({ topic, messages: [{ value: 'after' }] }),
      );
      const values = () => collector.received.map(({ message }) => text(message.value));
      await eventually(
        'the consumer got it',
        () => values().includes('after') || undefined,
        60_000,
      );
      await collector.disconnect();
      await producer.disconnect();
      expect(values()[0]).toBe('before');
    },
  );

  test('a second group reads everything from the beginning', async () => {
    const topic = await newTopic(kafka, 'orders');
    const sent = Array.from({ length: 50 }, (_, index) => `value-${index}`);
    await sendAll(
      kafka,
      topic,
      sent.map((value) => ({ value })),
    );
    for (const groupId of [uniqueName('billing'), uniqueName('audit')]) {
      const got = await readAll(kafka, topic, sent.length, { groupId });
      expect(got.map(({ message }) => text(message.value))).toEqual(sent);
    }
  });
});

describe('messages', () => {
  test('key, value, headers and timestamp arrive as they were sent', async () => {
    const topic = await newTopic(kafka, 'headers');
    const bytes = randomBytes(300);
    const timestamp = `${Date.now() - 1234}`;
    await sendAll(kafka, topic, [
      {
        key: 'ключ',
        value: bytes,
        timestamp,
        headers: { trace: 'abc', binary: Buffer.from([0, 255, 10]), many: ['a', 'b'], empty: '' },
      },
    ]);
    const [got] = await readAll(kafka, topic, 1);
    const message = got!.message;
    expect(text(message.key)).toBe('ключ');
    expect(message.value).toEqual(bytes);
    expect(message.timestamp).toBe(timestamp);
    expect(message.headers).toEqual({
      trace: Buffer.from('abc'),
      binary: Buffer.from([0, 255, 10]),
      many: [Buffer.from('a'), Buffer.from('b')],
      empty: Buffer.alloc(0),
    });
  });

  test('null keys, null values and empty values stay what they are', async () => {
    const topic = await newTopic(kafka, 'nulls');
    await sendAll(kafka, topic, [
      { key: null, value: 'no key' },
      { key: 'tombstone', value: null },
      { key: '', value: '' },
    ]);
    const got = await readAll(kafka, topic, 3);
    expect(got.map(({ message }) => [message.key, message.value])).toEqual([
      [null, Buffer.from('no key')],
      [Buffer.from('tombstone'), null],
      [Buffer.alloc(0), Buffer.alloc(0)],
    ]);
  });

  test('the same key always goes to the same partition', async () => {
    const topic = await newTopic(kafka, 'keys', 6);
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    for (let round = 0; round < 3; round += 1) {
      await sendAll(
        kafka,
        topic,
        keys.map((key) => ({ key, value: `${round}` })),
      );
    }
    const partitionsOf = new Map<string, Set<number>>();
    for (const { message, partition } of await readAll(kafka, topic, 90)) {
      const key = text(message.key)!;
      partitionsOf.set(key, (partitionsOf.get(key) ?? new Set()).add(partition));
    }
    expect([...partitionsOf.values()].every((partitions) => partitions.size === 1)).toBe(true);
    const used = new Set([...partitionsOf.values()].flatMap((partitions) => [...partitions]));
    expect(used.size).toBe(6);
  });

  test('offsets of a partition count from 0 without gaps and in order of sending', async () => {
    const topic = await newTopic(kafka, 'offsets');
    const bases: (string | undefined)[] = [];
    for (let round = 0; round < 5; round += 1) {
      const [answer] = await sendAll(kafka, topic, [
        { value: `${round}a` },
        { value: `${round}b` },
      ]);
      bases.push(answer?.baseOffset);
    }
    expect(bases).toEqual(['0', '2', '4', '6', '8']);
    const got = await readAll(kafka, topic, 10);
    expect(got.map(({ message }) => message.offset)).toEqual([...'0123456789']);
  });

  test('gzip batches come back as the same messages', async () => {
    const topic = await newTopic(kafka, 'gzip');
    const values = Array.from({ length: 200 }, (_, index) => `line ${index} `.repeat(20));
    await sendAll(
      kafka,
      topic,
      values.map((value) => ({ value })),
      { compression: CompressionTypes.GZIP },
    );
    const got = await readAll(kafka, topic, values.length);
    expect(got.map(({ message }) => text(message.value))).toEqual(values);
  });

  test.each([0, 1, -1])('acks=%i stores the message', async (acks) => {
    const topic = await newTopic(kafka, 'acks');
    await sendAll(kafka, topic, [{ value: 'v' }], { acks });
    expect(await readAll(kafka, topic, 1)).toHaveLength(1);
  });

  test('a value of 900 KB arrives whole', async () => {
    const topic = await newTopic(kafka, 'big');
    const value = randomBytes(900_000);
    await sendAll(kafka, topic, [{ value }]);
    const [got] = await readAll(kafka, topic, 1);
    expect(got!.message.value!.equals(value)).toBe(true);
  });

  test('a value above message.max.bytes is refused with MESSAGE_TOO_LARGE', async () => {
    const topic = await newTopic(kafka, 'too-big');
    await expect(sendAll(kafka, topic, [{ value: randomBytes(2_000_000) }])).rejects.toMatchObject({
      type: 'MESSAGE_TOO_LARGE',
    });
    expect(await sendAll(kafka, topic, [{ value: 'next' }])).toHaveLength(1);
  });

  test('a topic may allow larger messages than the broker', async () => {
    const topic = await newTopic(kafka, 'roomy', 1, [
      { name: 'max.message.bytes', value: '5000000' },
    ]);
    const value = randomBytes(3_000_000);
    await sendAll(kafka, topic, [{ value }]);
    const [got] = await readAll(kafka, topic, 1);
    expect(got!.message.value!.equals(value)).toBe(true);
  });

  test('sendBatch stores messages for several topics at once', async () => {
    const topics = [await newTopic(kafka, 'left', 2), await newTopic(kafka, 'right')];
    const producer = kafka.producer();
    await producer.connect();
    await producer.sendBatch({
      topicMessages: topics.map((topic) => ({
        topic,
        messages: [0, 1, 2, 3].map((index) => ({ key: `${index}`, value: topic })),
      })),
    });
    await producer.disconnect();
    for (const topic of topics) {
      const got = await readAll(kafka, topic, 4);
      expect(got.every(({ message }) => text(message.value) === topic)).toBe(true);
    }
  });

  test('a name that is no topic name is refused', async () => {
    await expect(sendAll(kafka, 'no spaces please', [{ value: 'v' }])).rejects.toMatchObject({
      cause: expect.objectContaining({ type: 'INVALID_TOPIC_EXCEPTION' }),
    });
  });
});

describe('idempotent producers', () => {
  test('every message is stored once and in order', async () => {
    const topic = await newTopic(kafka, 'idempotent', 3);
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let round = 0; round < 20; round += 1) {
      await producer.send({
        topic,
        messages: [0, 1, 2, 3].map((index) => ({ key: `${index}`, value: `${round}` })),
      });
    }
    await producer.disconnect();
    const rounds = new Map<string, string[]>();
    for (const { message } of await readAll(kafka, topic, 80)) {
      const key = text(message.key)!;
      rounds.set(key, [...(rounds.get(key) ?? []), text(message.value)!]);
    }
    const expected = Array.from({ length: 20 }, (_, round) => `${round}`);
    expect([...rounds.values()]).toEqual([expected, expected, expected, expected]);
  });

  test('two producers get different producer ids', async () => {
    const topic = await newTopic(kafka, 'two-producers');
    const producers = [kafka.producer({ idempotent: true }), kafka.producer({ idempotent: true })];
    for (const producer of producers) {
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'first' }] });
      await producer.send({ topic, messages: [{ value: 'second' }] });
    }
    for (const producer of producers) await producer.disconnect();
    const got = await readAll(kafka, topic, 4);
    expect(got.map(({ message }) => text(message.value))).toEqual([
      'first',
      'second',
      'first',
      'second',
    ]);
  });

  test.skipIf(!PEER_IS_OURS)('go on over kill -9 and restart of the broker', async () => {
    const topic = await newTopic(kafka, 'idempotent-restart');
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    for (let index = 0; index < 5; index += 1) {
      await producer.send({ topic, messages: [{ value: `${index}` }] });
    }
    await peer.crashAndRestart();
    for (let index = 5; index < 10; index += 1) {
      await eventually('the broker answers again', () =>
        producer.send({ topic, messages: [{ value: `${index}` }] }),
      );
    }
    await producer.disconnect();
    const got = await readAll(kafka, topic, 10);
    expect(got.map(({ message }) => text(message.value)).join('')).toBe('0123456789');
  });
});

describe.skipIf(PEER_KIND !== 'polymq')('what is not there yet', () => {
  test('a transactional producer is told so instead of being kept waiting', async () => {
    const topic = await newTopic(kafka, 'transactions');
    const producer = kafka.producer({
      transactionalId: uniqueName('tx'),
      maxInFlightRequests: 1,
      idempotent: true,
      retry: { retries: 1 },
    });
    await producer.connect();
    const attempt = async () => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'v' }] });
      await transaction.commit();
    };
    await expect(attempt()).rejects.toThrow();
    await producer.disconnect();
    const offsets = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
    expect(offsets[0]?.high).toBe('0');
  });
});
