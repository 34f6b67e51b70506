import { AssignerProtocol, type Consumer, type Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Collector,
  collect,
  kafkaJs,
  newTopic,
  readAll,
  sendAll,
  text,
  withAdmin,
} from './kafkajs-client.ts';
import { eventually, type KafkaPeer, startPeer, uniqueName } from './peer.ts';

let peer: KafkaPeer;
let kafka: Kafka;

beforeAll(async () => {
  peer = await startPeer();
  kafka = kafkaJs(peer);
});
afterAll(() => peer?.stop());

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({
    key: `${from + index}`,
    value: `${from + index}`,
  }));

/** The partitions each member holds right now, as the broker knows it. */
async function assignmentsOf(groupId: string): Promise<number[][]> {
  const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([groupId]));
  return groups[0]!.members.map((member) => {
    const decoded = AssignerProtocol.MemberAssignment.decode(member.memberAssignment);
    return Object.values(decoded?.assignment ?? {})
      .flat()
      .sort((a, b) => a - b);
  });
}

async function settled(groupId: string, members: number): Promise<number[][]> {
  return eventually(`${groupId} is stable with ${members} members`, async () => {
    const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([groupId]));
    const stable = groups[0]?.state === 'Stable' && groups[0].members.length === members;
    return stable ? assignmentsOf(groupId) : undefined;
  });
}

describe('consumer groups', () => {
  test('a second consumer takes over half of the partitions and gives them back', async () => {
    const topic = await newTopic(kafka, 'rebalance', 4);
    const groupId = uniqueName('rebalance');
    const first = await collect(kafka, topic, { groupId });
    expect(await settled(groupId, 1)).toEqual([[0, 1, 2, 3]]);

    const second = await collect(kafka, topic, { groupId });
    const shared = await settled(groupId, 2);
    expect(shared.map((partitions) => partitions.length)).toEqual([2, 2]);
    expect(shared.flat().sort()).toEqual([0, 1, 2, 3]);

    await second.disconnect();
    expect(await settled(groupId, 1)).toEqual([[0, 1, 2, 3]]);
    await first.disconnect();
  });

  test('messages sent across rebalances are neither lost nor left out', async () => {
    const topic = await newTopic(kafka, 'churn', 4);
    const groupId = uniqueName('churn');
    const collectors: Collector[] = [await collect(kafka, topic, { groupId })];
    await sendAll(kafka, topic, numbered(40));
    collectors.push(await collect(kafka, topic, { groupId }));
    await sendAll(kafka, topic, numbered(40, 40));
    await collectors[0]!.disconnect();
    await sendAll(kafka, topic, numbered(40, 80));
    const seen = () =>
      new Set(collectors.flatMap(({ received }) => received.map((r) => text(r.message.value))));
    await eventually('all 120 came', () => (seen().size >= 120 ? true : undefined));
    await collectors[1]!.disconnect();
    expect(seen().size).toBe(120);
  });

  test('a consumer of two topics gets both', async () => {
    const topics = [await newTopic(kafka, 'left'), await newTopic(kafka, 'right', 2)];
    const collector = await collect(kafka, topics);
    for (const topic of topics) await sendAll(kafka, topic, [{ value: topic }]);
    const got = await collector.waitFor(2);
    await collector.disconnect();
    expect(got.map(({ topic }) => topic).sort()).toEqual([...topics].sort());
  });

  test('a consumer that crashed is thrown out after its session timeout', async () => {
    const topic = await newTopic(kafka, 'silent', 2);
    const groupId = uniqueName('silent');
    // A handler that never returns stops the heartbeats: to the broker the member is dead.
    const stuck = await collect(kafka, topic, {
      groupId,
      sessionTimeout: 6000,
      rebalanceTimeout: 6000,
      each: () => new Promise(() => {}),
    });
    await sendAll(kafka, topic, [{ value: 'a', key: '1' }]);
    await stuck.waitFor(1);
    const healthy = await collect(kafka, topic, { groupId, sessionTimeout: 6000 });
    await eventually('the healthy one has everything', async () => {
      const assignments = await settled(groupId, 1);
      return assignments[0]?.length === 2 ? true : undefined;
    });
    expect((await healthy.waitFor(1))[0]?.message.key?.toString()).toBe('1');
    await healthy.disconnect();
    // The stuck consumer cannot end by itself: its process does.
  });

  test('describeGroups tells protocol, members and clients', async () => {
    const topic = await newTopic(kafka, 'describe');
    const groupId = uniqueName('describe');
    const collector = await collect(kafkaJs(peer, 'named-client'), topic, { groupId });
    const { groups } = await withAdmin(kafka, (admin) => admin.describeGroups([groupId]));
    expect(groups[0]).toMatchObject({
      errorCode: 0,
      groupId,
      protocolType: 'consumer',
      protocol: 'RoundRobinAssigner',
      state: 'Stable',
      members: [{ clientId: 'named-client', clientHost: expect.stringContaining('127.0.0.1') }],
    });
    await collector.disconnect();
    const after = await withAdmin(kafka, (admin) => admin.describeGroups([groupId]));
    expect(after.groups[0]).toMatchObject({ state: 'Empty', members: [] });
  });
});

describe('offsets', () => {
  test('a group resumes behind the last committed message', async () => {
    const topic = await newTopic(kafka, 'resume');
    const groupId = uniqueName('resume');
    await sendAll(kafka, topic, numbered(10));
    expect(await readAll(kafka, topic, 10, { groupId })).toHaveLength(10);
    await sendAll(kafka, topic, numbered(5, 10));
    const rest = await readAll(kafka, topic, 5, { groupId });
    expect(rest.map(({ message }) => message.offset)).toEqual(['10', '11', '12', '13', '14']);
  });

  test('commitOffsets stores offset and metadata for the next member', async () => {
    const topic = await newTopic(kafka, 'commit');
    const groupId = uniqueName('commit');
    await sendAll(kafka, topic, numbered(10));
    const collector = await collectManually(topic, groupId);
    await collector.consumer.commitOffsets([{ topic, partition: 0, offset: '7', metadata: 'why' }]);
    await collector.consumer.disconnect();
    const offsets = await withAdmin(kafka, (admin) =>
      admin.fetchOffsets({ groupId, topics: [topic] }),
    );
    expect(offsets[0]?.partitions).toEqual([{ partition: 0, offset: '7', metadata: 'why' }]);
    const rest = await readAll(kafka, topic, 3, { groupId });
    expect(rest.map(({ message }) => message.offset)).toEqual(['7', '8', '9']);
  });

  test('seek goes back and forward', async () => {
    const topic = await newTopic(kafka, 'seek');
    await sendAll(kafka, topic, numbered(20));
    const collector = await collect(kafka, topic);
    await collector.waitFor(20);
    collector.received.length = 0;
    collector.consumer.seek({ topic, partition: 0, offset: '5' });
    await collector.waitFor(15);
    collector.received.length = 0;
    collector.consumer.seek({ topic, partition: 0, offset: '18' });
    const got = await collector.waitFor(2);
    await collector.disconnect();
    expect(got.map(({ message }) => message.offset)).toEqual(['18', '19']);
  });

  test('an offset out of range falls back to where the consumer begins', async () => {
    const topic = await newTopic(kafka, 'out-of-range');
    const groupId = uniqueName('out-of-range');
    await sendAll(kafka, topic, numbered(3));
    await withAdmin(kafka, (admin) =>
      admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '100' }] }),
    );
    const got = await readAll(kafka, topic, 3, { groupId });
    expect(got.map(({ message }) => message.offset)).toEqual(['0', '1', '2']);
  });

  test('pause stops one partition and resume goes on without a loss', async () => {
    const topic = await newTopic(kafka, 'pause', 2);
    const producer = kafka.producer();
    await producer.connect();
    const send = (partition: number, value: string) =>
      producer.send({ topic, messages: [{ partition, value }] });
    const collector = await collect(kafka, topic);
    await send(0, 'a');
    await send(1, 'b');
    await collector.waitFor(2);
    collector.consumer.pause([{ topic, partitions: [0] }]);
    await send(0, 'held');
    for (let index = 0; index < 5; index += 1) await send(1, `${index}`);
    await collector.waitFor(7);
    expect(collector.received.some(({ message }) => text(message.value) === 'held')).toBe(false);
    collector.consumer.resume([{ topic, partitions: [0] }]);
    const got = await collector.waitFor(8);
    expect(text(got[7]?.message.value)).toBe('held');
    await collector.disconnect();
    await producer.disconnect();
  });

  test('eachBatch hands out whole batches with the high watermark', async () => {
    const topic = await newTopic(kafka, 'batches');
    await sendAll(kafka, topic, numbered(25));
    const consumer = kafka.consumer({ groupId: uniqueName('batches'), maxWaitTimeInMs: 200 });
    const offsets: string[] = [];
    const watermarks = new Set<string>();
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) => {
        watermarks.add(batch.highWatermark);
        for (const message of batch.messages) {
          offsets.push(message.offset);
          resolveOffset(message.offset);
        }
        await heartbeat();
        await commitOffsetsIfNecessary();
      },
    });
    await eventually('all came', () => (offsets.length >= 25 ? true : undefined));
    await consumer.disconnect();
    expect(offsets).toEqual(Array.from({ length: 25 }, (_, index) => `${index}`));
    expect([...watermarks]).toEqual(['25']);
  });

  test('small maxBytes still deliver everything, batch by batch', async () => {
    const topic = await newTopic(kafka, 'small-fetches', 3);
    for (let round = 0; round < 10; round += 1) {
      await sendAll(
        kafka,
        topic,
        numbered(6, round * 6).map(({ key }) => ({ key, value: key.padEnd(2000, '.') })),
      );
    }
    const got = await readAll(kafka, topic, 60, {
      maxBytes: 5000,
      maxBytesPerPartition: 3000,
      minBytes: 1,
    });
    expect(new Set(got.map(({ message }) => text(message.key))).size).toBe(60);
  });
});

/** A consumer in its group that leaves committing to the test. */
async function collectManually(topic: string, groupId: string): Promise<{ consumer: Consumer }> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200 });
  const joined = new Promise<void>((resolve) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage: async () => {} });
  await joined;
  return { consumer };
}
