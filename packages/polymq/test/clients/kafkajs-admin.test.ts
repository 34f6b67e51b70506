import { type Admin, ConfigResourceTypes, type Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, kafkaJs, newTopic, readAll, sendAll, text } from './kafkajs-client.ts';
import { type KafkaPeer, startPeer, uniqueName } from './peer.ts';

let peer: KafkaPeer;
let kafka: Kafka;
let admin: Admin;

beforeAll(async () => {
  peer = await startPeer();
  kafka = kafkaJs(peer);
  admin = kafka.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin?.disconnect();
  await peer?.stop();
});

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ value: `${index}` }));

describe('topics', () => {
  test('describeCluster names one broker at the address the client used', async () => {
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toEqual([
      { nodeId: cluster.controller, host: peer.host, port: peer.port },
    ]);
    expect(cluster.clusterId).toEqual(expect.any(String));
  });

  test('createTopics makes a topic once and says so the second time', async () => {
    const topic = uniqueName('create');
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] })).toBe(false);
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = [...topics[0]!.partitions].sort((a, b) => a.partitionId - b.partitionId);
    expect(partitions.map(({ partitionId }) => partitionId)).toEqual([0, 1, 2]);
    expect(partitions.every(({ leader, isr }) => isr.includes(leader))).toBe(true);
  });

  test('createTopics with validateOnly creates nothing', async () => {
    const topic = uniqueName('validate');
    expect(
      await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [{ topic }] }),
    ).toBe(true);
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test.each([
    ['a bad name', { topic: 'a/b' }, 'INVALID_TOPIC_EXCEPTION'],
    ['no partitions', { numPartitions: 0 }, 'INVALID_PARTITIONS'],
    ['more replicas than brokers', { replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    [
      'an unknown setting',
      { configEntries: [{ name: 'no.such.setting', value: '1' }] },
      'INVALID_CONFIG',
    ],
    [
      'a setting out of range',
      { configEntries: [{ name: 'retention.ms', value: 'never' }] },
      'INVALID_CONFIG',
    ],
  ])('createTopics refuses %s', async (_what, wrong, type) => {
    const attempt = admin.createTopics({ topics: [{ topic: uniqueName('wrong'), ...wrong }] });
    await expect(attempt).rejects.toMatchObject({ errors: [expect.objectContaining({ type })] });
  });

  test('listTopics shows new topics and forgets deleted ones', async () => {
    const topic = await newTopic(kafka, 'delete');
    expect(await admin.listTopics()).toContain(topic);
    await admin.deleteTopics({ topics: [topic] });
    expect(await admin.listTopics()).not.toContain(topic);
  });

  test('a deleted topic created again starts empty', async () => {
    const topic = await newTopic(kafka, 'again');
    await sendAll(kafka, topic, numbered(3));
    await admin.deleteTopics({ topics: [topic] });
    await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
    await sendAll(kafka, topic, [{ value: 'new' }]);
    const [got] = await readAll(kafka, topic, 1);
    expect([got?.message.offset, text(got?.message.value)]).toEqual(['0', 'new']);
  });

  test('deleting a topic that is not there is an error', async () => {
    await expect(
      admin.deleteTopics({ topics: [uniqueName('missing')], timeout: 1000 }),
    ).rejects.toMatchObject({
      cause: expect.objectContaining({ type: 'UNKNOWN_TOPIC_OR_PARTITION' }),
    });
  });

  test('createPartitions grows a topic and never shrinks it', async () => {
    const topic = await newTopic(kafka, 'grow', 2);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    expect(topics[0]?.partitions).toHaveLength(5);
    await expect(
      admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
    ).rejects.toMatchObject({ type: 'INVALID_PARTITIONS' });
  });

  test('a running consumer picks up the partitions a topic grew by', async () => {
    const topic = await newTopic(kafka, 'grow-live', 1);
    const collector = await collect(kafka, topic, { metadataMaxAge: 500 });
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ partition: 1, value: 'new partition' }] });
    const [got] = await collector.waitFor(1);
    await producer.disconnect();
    await collector.disconnect();
    expect([got?.partition, text(got?.message.value)]).toEqual([1, 'new partition']);
  });
});

/** kafkajs looks for the leader in what it knows already: asking for the offsets makes it know. */
async function deleteRecordsBefore(topic: string, offset: string): Promise<void> {
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
}

/** Timestamps near enough to the present that retention leaves the records alone. */
const START = Date.now() - 600_000;

describe('offsets and records', () => {
  test('fetchTopicOffsets tells low and high of every partition', async () => {
    const topic = await newTopic(kafka, 'offsets', 2);
    await sendAll(kafka, topic, [
      { partition: 1, value: 'a' },
      { partition: 1, value: 'b' },
    ]);
    const offsets = await admin.fetchTopicOffsets(topic);
    expect(offsets.sort((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, offset: '0', high: '0', low: '0' },
      { partition: 1, offset: '2', high: '2', low: '0' },
    ]);
  });

  test('fetchTopicOffsets counts a message as soon as it is acknowledged, with acks=1 too', async () => {
    const topic = await newTopic(kafka, 'offsets-at-once');
    const producer = kafka.producer();
    await producer.connect();
    for (let count = 1; count <= 10; count += 1) {
      await producer.send({ topic, acks: 1, messages: [{ value: 'v' }] });
      expect((await admin.fetchTopicOffsets(topic))[0]?.high).toBe(`${count}`);
    }
    await producer.disconnect();
  });

  test('fetchTopicOffsetsByTimestamp finds the first message at or after a time', async () => {
    const topic = await newTopic(kafka, 'by-time');
    for (const time of [1000, 2000, 3000]) {
      await sendAll(kafka, topic, [{ value: `${time}`, timestamp: `${START + time}` }]);
    }
    const at = async (time: number) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, START + time))[0]?.offset;
    expect([await at(1), await at(1001), await at(2000), await at(3000)]).toEqual([
      '0',
      '1',
      '1',
      '2',
    ]);
    expect(await at(3001)).toBe('3');
  });

  test('fetchTopicOffsetsByTimestamp looks inside a batch', async () => {
    const topic = await newTopic(kafka, 'by-time-inside');
    await sendAll(
      kafka,
      topic,
      [1000, 2000, 3000, 4000].map((time) => ({ value: 'v', timestamp: `${START + time}` })),
    );
    expect(await admin.fetchTopicOffsetsByTimestamp(topic, START + 2500)).toEqual([
      { partition: 0, offset: '2' },
    ]);
  });

  test('deleteTopicRecords moves the low watermark and readers start there', async () => {
    const topic = await newTopic(kafka, 'delete-records');
    await sendAll(kafka, topic, numbered(10));
    await deleteRecordsBefore(topic, '6');
    expect(await admin.fetchTopicOffsets(topic)).toEqual([
      { partition: 0, offset: '10', high: '10', low: '6' },
    ]);
    const got = await readAll(kafka, topic, 4);
    expect(got.map(({ message }) => message.offset)).toEqual(['6', '7', '8', '9']);
  });

  test('deleteTopicRecords with -1 empties a partition', async () => {
    const topic = await newTopic(kafka, 'delete-all-records');
    await sendAll(kafka, topic, numbered(4));
    await deleteRecordsBefore(topic, '-1');
    expect(await admin.fetchTopicOffsets(topic)).toEqual([
      { partition: 0, offset: '4', high: '4', low: '4' },
    ]);
  });

  test('deleteTopicRecords beyond the end is refused', async () => {
    const topic = await newTopic(kafka, 'delete-beyond');
    await sendAll(kafka, topic, numbered(2));
    await expect(deleteRecordsBefore(topic, '99')).rejects.toMatchObject({
      cause: {
        partitions: [
          { partition: 0, error: expect.objectContaining({ type: 'OFFSET_OUT_OF_RANGE' }) },
        ],
      },
    });
    expect((await admin.fetchTopicOffsets(topic))[0]?.low).toBe('0');
  });
});

describe('configuration', () => {
  const configOf = async (topic: string, ...configNames: string[]) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
    });
    return Object.fromEntries(
      resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  };

  test('describeConfigs shows what a topic was created with and the defaults', async () => {
    const topic = await newTopic(kafka, 'config', 1, [{ name: 'retention.ms', value: '3600000' }]);
    expect(await configOf(topic, 'retention.ms', 'cleanup.policy')).toEqual({
      'retention.ms': '3600000',
      'cleanup.policy': 'delete',
    });
    expect(await configOf(topic)).toMatchObject({
      'max.message.bytes': expect.any(String),
      'segment.bytes': expect.any(String),
      'retention.bytes': '-1',
      'message.timestamp.type': 'CreateTime',
    });
  });

  test('alterConfigs replaces the settings of a topic', async () => {
    const topic = await newTopic(kafka, 'alter', 1, [{ name: 'retention.ms', value: '3600000' }]);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'retention.bytes', value: '1048576' }],
        },
      ],
    });
    const now = await configOf(topic, 'retention.bytes', 'retention.ms');
    expect(now).toEqual({ 'retention.bytes': '1048576', 'retention.ms': '604800000' });
  });

  test('alterConfigs refuses an unknown setting', async () => {
    const topic = await newTopic(kafka, 'alter-wrong');
    const attempt = admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'no.such.setting', value: '1' }],
        },
      ],
    });
    await expect(attempt).rejects.toThrow();
  });

  test('describeConfigs of the broker answers', async () => {
    const { controller } = await admin.describeCluster();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name: `${controller}` }],
    });
    expect(resources[0]?.errorCode).toBe(0);
    expect(resources[0]!.configEntries.length).toBeGreaterThan(0);
  });
});

describe('groups', () => {
  test('listGroups shows a group and deleteGroups removes it', async () => {
    const topic = await newTopic(kafka, 'groups');
    const groupId = uniqueName('listed');
    await sendAll(kafka, topic, numbered(1));
    await readAll(kafka, topic, 1, { groupId });
    const ids = async () => (await admin.listGroups()).groups.map((group) => group.groupId);
    expect(await ids()).toContain(groupId);
    await admin.deleteGroups([groupId]);
    expect(await ids()).not.toContain(groupId);
  });

  test('deleteGroups refuses a group with members', async () => {
    const topic = await newTopic(kafka, 'busy');
    const groupId = uniqueName('busy');
    const collector = await collect(kafka, topic, { groupId });
    await expect(admin.deleteGroups([groupId])).rejects.toMatchObject({
      groups: [expect.objectContaining({ groupId, errorCode: 68 })],
    });
    await collector.disconnect();
  });

  test('deleteGroups of a group that is not there is an error', async () => {
    await expect(admin.deleteGroups([uniqueName('missing')])).rejects.toMatchObject({
      groups: [expect.objectContaining({ errorCode: 69 })],
    });
  });

  test('setOffsets and resetOffsets decide where a group goes on', async () => {
    const topic = await newTopic(kafka, 'reset');
    const groupId = uniqueName('reset');
    await sendAll(kafka, topic, numbered(10));
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '8' }] });
    const tail = await readAll(kafka, topic, 2, { groupId });
    expect(tail.map(({ message }) => message.offset)).toEqual(['8', '9']);
    await admin.resetOffsets({ groupId, topic, earliest: true });
    expect(await readAll(kafka, topic, 10, { groupId })).toHaveLength(10);
  });

  test('fetchOffsets answers -1 for a partition nobody committed', async () => {
    const topic = await newTopic(kafka, 'uncommitted');
    const offsets = await admin.fetchOffsets({ groupId: uniqueName('new'), topics: [topic] });
    expect(offsets).toEqual([
      { topic, partitions: [{ partition: 0, offset: '-1', metadata: null }] },
    ]);
  });
});
