import zlib from 'node:zlib';
import {
  type Admin,
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafkaJs, readAll, sendAll, text } from './kafkajs-client.ts';
import { eventually, type KafkaPeer, PEER_IS_OURS, startPeer, uniqueName } from './peer.ts';
import {
  closeConsumer,
  collectText,
  newAdmin,
  newConsumer,
  newProducer,
  readText,
} from './platformatic-client.ts';

let peer: KafkaPeer;
let admin: Admin;

beforeAll(async () => {
  peer = await startPeer();
  admin = newAdmin(peer);
});
afterAll(async () => {
  await admin?.close();
  await peer?.stop();
});

async function newTopic(prefix: string, partitions = 1, configs: Record<string, string> = {}) {
  const topic = uniqueName(prefix);
  await admin.createTopics({
    topics: [topic],
    partitions,
    replicas: 1,
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  });
  return topic;
}

async function send(
  topic: string,
  messages: {
    key?: string;
    value?: string;
    partition?: number;
    headers?: Record<string, string>;
  }[],
  options: Parameters<typeof newProducer>[1] = {},
): Promise<void> {
  const producer = newProducer(peer, options);
  try {
    await producer.send({ messages: messages.map((message) => ({ topic, ...message })) });
  } finally {
    await producer.close();
  }
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ value: `${from + index}` }));

describe('@platformatic/kafka: messages', () => {
  test('an order sent to a new topic reaches two groups with key and headers intact', async () => {
    const topic = uniqueName('orders');
    await send(topic, [
      { key: 'order-123', value: '{"amount":100}', headers: { trace: 'abc', other: 'ü' } },
    ]);
    for (const groupId of [uniqueName('billing'), uniqueName('audit')]) {
      const [message] = await readText(peer, topic, 1, groupId);
      expect([message?.key, message?.value, message?.offset]).toEqual([
        'order-123',
        '{"amount":100}',
        0n,
      ]);
      expect(Object.fromEntries(message!.headers)).toEqual({ trace: 'abc', other: 'ü' });
    }
  });

  test.skipIf(!PEER_IS_OURS)('what was acknowledged survives kill -9', async () => {
    const topic = await newTopic('orders');
    await send(topic, numbered(10));
    await peer.crashAndRestart();
    const got = await readText(peer, topic, 10);
    expect(got.map(({ value }) => value).join('')).toBe('0123456789');
  });

  test('send answers the offset of the first message', async () => {
    const topic = await newTopic('offsets');
    const producer = newProducer(peer);
    const offsets: unknown[] = [];
    for (let round = 0; round < 3; round += 1) {
      const answer = await producer.send({
        messages: numbered(2).map((message) => ({ topic, partition: 0, ...message })),
      });
      offsets.push(answer.offsets);
    }
    await producer.close();
    expect(offsets).toEqual([0n, 2n, 4n].map((offset) => [{ topic, partition: 0, offset }]));
  });

  test('the same key always goes to the same partition', async () => {
    const topic = await newTopic('keys', 5);
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    const messages = keys.map((key) => ({ key, value: 'v' }));
    await send(topic, messages);
    await send(topic, messages);
    const pairs = new Set(
      (await readText(peer, topic, 40)).map(({ key, partition }) => `${key} ${partition}`),
    );
    expect(pairs.size).toBe(keys.length);
  });

  const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
  const zstdMissing =
    typeof (zlib as { zstdCompressSync?: unknown }).zstdCompressSync !== 'function';
  // A codec that this Node lacks stays in the list and is reported as skipped.
  test.for(codecs)('compression %s', async (codec, { skip }) => {
    skip(codec === 'zstd' && zstdMissing, 'this Node has no zstd');
    const topic = await newTopic(`codec-${codec}`);
    const values = Array.from({ length: 300 }, (_, index) => `value ${index} `.repeat(10));
    await send(
      topic,
      values.map((value) => ({ value })),
      { compression: codec },
    );
    const got = await readText(peer, topic, values.length);
    expect(got.map(({ value }) => value)).toEqual(values);
  });

  test('an idempotent producer stores everything once and in order', async () => {
    const topic = await newTopic('idempotent', 2);
    const producer = newProducer(peer, { idempotent: true });
    for (let round = 0; round < 20; round += 1) {
      await producer.send({
        messages: [0, 1].map((partition) => ({ topic, partition, value: `${round}` })),
      });
    }
    expect(producer.producerId).toEqual(expect.any(BigInt));
    await producer.close();
    const got = await readText(peer, topic, 40);
    const rounds = Array.from({ length: 20 }, (_, round) => `${round}`);
    for (const wanted of [0, 1]) {
      const values = got.filter(({ partition }) => partition === wanted).map(({ value }) => value);
      expect(values).toEqual(rounds);
    }
  });

  test('acks 0 and 1 store the message', async () => {
    const topic = await newTopic('acks');
    await send(topic, [{ value: 'zero' }], { acks: 0 });
    await send(topic, [{ value: 'one' }], { acks: 1 });
    const values = (await readText(peer, topic, 2)).map(({ value }) => value);
    expect(values.sort()).toEqual(['one', 'zero']);
  });

  test('a message above the limit is refused and the next one stored', async () => {
    const topic = await newTopic('too-big', 1, { 'max.message.bytes': '1000' });
    await expect(send(topic, [{ value: 'x'.repeat(5000) }])).rejects.toThrow();
    await send(topic, [{ value: 'small' }]);
    expect((await readText(peer, topic, 1))[0]?.value).toBe('small');
  });

  test('what it writes kafkajs reads, and the other way round', async () => {
    const topic = await newTopic('both-ways');
    const js = kafkaJs(peer);
    await send(topic, [{ key: 'k', value: 'from platformatic', headers: { h: '1' } }]);
    await sendAll(js, topic, [{ key: 'k', value: 'from kafkajs', headers: { h: '2' } }]);
    const expected = ['from platformatic', 'from kafkajs'];
    const byJs = await readAll(js, topic, 2);
    expect(byJs.map(({ message }) => text(message.value))).toEqual(expected);
    const byPlatformatic = await readText(peer, topic, 2);
    expect(byPlatformatic.map(({ value }) => value)).toEqual(expected);
    expect(byPlatformatic.map(({ headers }) => headers.get('h'))).toEqual(['1', '2']);
  });

  test('a long poll hands over a message as soon as it is there', async () => {
    const topic = await newTopic('long-poll');
    const collector = await collectText(peer, topic, { stream: { maxWaitTime: 20_000 } });
    await send(topic, [{ value: 'now' }]);
    // The poll would last 20 s; the wait gives up before that and the test with it.
    await eventually(
      'the message came before the poll ended',
      () => (collector.received.length > 0 ? true : undefined),
      15_000,
    );
    await collector.close();
  });
});

describe('@platformatic/kafka: groups', () => {
  test('a group goes on where it stopped', async () => {
    const topic = await newTopic('resume');
    const groupId = uniqueName('resume');
    await send(topic, numbered(5));
    expect(await readText(peer, topic, 5, groupId)).toHaveLength(5);
    await send(topic, numbered(3, 5));
    const rest = await readText(peer, topic, 3, groupId);
    expect(rest.map(({ value }) => value)).toEqual(['5', '6', '7']);
  });

  test('two members share the partitions and one takes over when the other leaves', async () => {
    const topic = await newTopic('shared', 4);
    const groupId = uniqueName('shared');
    const partitionsOf = (collector: {
      consumer: { assignments: { partitions: number[] }[] | null };
    }) => (collector.consumer.assignments ?? []).flatMap(({ partitions }) => partitions).sort();
    const first = await collectText(peer, topic, { groupId });
    const second = await collectText(peer, topic, { groupId });
    await eventually('both have two', () =>
      partitionsOf(first).length === 2 && partitionsOf(second).length === 2 ? true : undefined,
    );
    expect([...partitionsOf(first), ...partitionsOf(second)].sort()).toEqual([0, 1, 2, 3]);
    await second.close();
    await eventually('the first has all', () =>
      partitionsOf(first).length === 4 ? true : undefined,
    );
    for (const partition of [0, 1, 2, 3]) await send(topic, [{ partition, value: 'v' }]);
    await first.waitFor(4);
    await first.close();
  });

  test('a group reads topics of two consumers with commits by hand', async () => {
    const topic = await newTopic('manual');
    const groupId = uniqueName('manual');
    await send(topic, numbered(6));
    const collector = await collectText(peer, topic, { groupId, stream: { autocommit: false } });
    const got = await collector.waitFor(6);
    await got[3]!.commit();
    const committed = await collector.consumer.listCommittedOffsets({
      topics: [{ topic, partitions: [0] }],
    });
    await collector.close();
    expect(committed.get(topic)).toEqual([4n]);
    const rest = await readText(peer, topic, 2, groupId);
    expect(rest.map(({ value }) => value)).toEqual(['4', '5']);
  });

  test('a static member that comes back keeps its place', async () => {
    const topic = await newTopic('static', 2);
    const groupId = uniqueName('static');
    await send(topic, numbered(2));
    const join = () => collectText(peer, topic, { groupId, groupInstanceId: 'one' });
    const first = await join();
    await first.waitFor(2);
    await first.close();
    const again = await join();
    await send(topic, [{ value: 'later' }]);
    const got = await again.waitFor(1);
    expect(got.map(({ value }) => value)).toContain('later');
    const groups = await admin.describeGroups({ groups: [groupId] });
    const members = [...groups.get(groupId)!.members.values()];
    expect(members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['one']);
    await again.close();
  });

  test('getLag counts what a group has not read yet', async () => {
    const topic = await newTopic('lag');
    const groupId = uniqueName('lag');
    await send(topic, numbered(3));
    const collector = await collectText(peer, topic, { groupId });
    await collector.waitFor(3);
    await eventually('nothing is left', async () => {
      const lag = await collector.consumer.getLag({ topics: [topic] });
      return lag.get(topic)?.[0] === 0n ? true : undefined;
    });
    await collector.close();
  });
});

describe('@platformatic/kafka: administration', () => {
  test('topics are created, listed, grown and deleted', async () => {
    const topic = await newTopic('life', 2);
    expect(await admin.listTopics()).toContain(topic);
    await admin.createPartitions({ topics: [{ name: topic, count: 4 }] });
    await eventually('it has four partitions', async () => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
      return metadata.topics.get(topic)?.partitionsCount === 4 ? true : undefined;
    });
    await admin.deleteTopics({ topics: [topic] });
    await eventually('it is gone', async () =>
      (await admin.listTopics()).includes(topic) ? undefined : true,
    );
  });

  test('creating a topic twice is an error', async () => {
    const topic = await newTopic('twice');
    await expect(admin.createTopics({ topics: [topic] })).rejects.toThrow();
  });

  test('configuration is described and altered, incrementally too', async () => {
    const topic = await newTopic('config', 1, { 'retention.ms': '3600000' });
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic };
    const read = async () => {
      const [description] = await admin.describeConfigs({
        resources: [{ ...resource, configurationKeys: ['retention.ms', 'retention.bytes'] }],
      });
      return Object.fromEntries(description!.configs.map(({ name, value }) => [name, value]));
    };
    expect(await read()).toEqual({ 'retention.ms': '3600000', 'retention.bytes': '-1' });
    await admin.incrementalAlterConfigs({
      resources: [
        {
          ...resource,
          configs: [
            {
              name: 'retention.bytes',
              value: '1048576',
              configOperation: IncrementalAlterConfigOperationTypes.SET,
            },
          ],
        },
      ],
    });
    expect(await read()).toEqual({ 'retention.ms': '3600000', 'retention.bytes': '1048576' });
    await admin.incrementalAlterConfigs({
      resources: [
        {
          ...resource,
          configs: [
            { name: 'retention.ms', configOperation: IncrementalAlterConfigOperationTypes.DELETE },
          ],
        },
      ],
    });
    expect(await read()).toMatchObject({ 'retention.ms': '604800000' });
    await admin.alterConfigs({
      resources: [{ ...resource, configs: [{ name: 'retention.ms', value: '1000' }] }],
    });
    expect(await read()).toEqual({ 'retention.ms': '1000', 'retention.bytes': '-1' });
  });

  test('offsets are listed by position and by timestamp, records deleted', async () => {
    const topic = await newTopic('records');
    // With acks=1, its default, the answer may come before the record is safe and thus visible.
    const producer = newProducer(peer, { acks: -1 });
    const start = BigInt(Date.now() - 600_000);
    for (const time of [1000n, 2000n, 3000n]) {
      await producer.send({ messages: [{ topic, value: `${time}`, timestamp: start + time }] });
    }
    await producer.close();
    const at = async (timestamp: bigint) => {
      const [listed] = await admin.listOffsets({
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
      });
      return listed?.partitions[0]?.offset;
    };
    expect([
      await at(-2n),
      await at(-1n),
      await at(start + 1500n),
      await at(start + 9999n),
    ]).toEqual([0n, 3n, 1n, -1n]);
    const [deleted] = await admin.deleteRecords({
      topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }],
    });
    expect(deleted?.partitions).toEqual([{ partition: 0, lowWatermark: 2n }]);
    expect(await at(-2n)).toBe(2n);
  });

  test('groups are listed, described, moved and deleted', async () => {
    const topic = await newTopic('groups');
    const groupId = uniqueName('groups');
    await send(topic, numbered(4));
    const collector = await collectText(peer, topic, { groupId });
    await collector.waitFor(4);
    const running = await admin.describeGroups({ groups: [groupId] });
    expect(running.get(groupId)).toMatchObject({ state: 'STABLE', protocolType: 'consumer' });
    expect(running.get(groupId)!.members.size).toBe(1);
    await collector.close();
    expect([...(await admin.listGroups()).keys()]).toContain(groupId);
    await admin.alterConsumerGroupOffsets({
      groupId,
      topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: 1n }] }],
    });
    const [offsets] = await admin.listConsumerGroupOffsets({ groups: [groupId] });
    expect(offsets?.topics[0]?.partitions[0]?.committedOffset).toBe(1n);
    await admin.deleteConsumerGroupOffsets({
      groupId,
      topics: [{ name: topic, partitionIndexes: [0] }],
    });
    await admin.deleteGroups({ groups: [groupId] });
    expect([...(await admin.listGroups()).keys()]).not.toContain(groupId);
  });

  test('a member is removed by the administrator', async () => {
    const topic = await newTopic('removed');
    const groupId = uniqueName('removed');
    const consumer = newConsumer(peer, groupId, { groupInstanceId: 'fixed' });
    consumer.topics.track(topic);
    await consumer.joinGroup();
    await admin.removeMembersFromConsumerGroup({ groupId });
    const groups = await admin.describeGroups({ groups: [groupId] });
    expect(groups.get(groupId)?.members.size).toBe(0);
    await closeConsumer(consumer).catch(() => {});
  });

  test('the coordinator of several groups is found in one request', async () => {
    const found = await admin.findCoordinator({ keyType: 0, keys: ['a', 'b'] });
    expect(found.map(({ key, host, port }) => [key, host, port])).toEqual([
      ['a', peer.host, peer.port],
      ['b', peer.host, peer.port],
    ]);
  });
});
