/** Creating and deleting topics and the beginnings of partitions. All of it may be repeated. */
import { sleep } from '../../lib/clock.ts';
import { kafkaErrorOf } from './errors.ts';
import type { Wire } from './wire.ts';

export interface NewTopic {
  readonly name: string;
  /** Missing: the cluster's default. */
  readonly partitions?: number | undefined;
  readonly configs?: Readonly<Record<string, string>> | undefined;
}

const BY_DEFAULT = -1;
const VISIBLE_AFTER_MS = 50;

/** Creates it unless it is there. Resolves when it can be written to. */
export async function createTopic(wire: Wire, topic: NewTopic): Promise<void> {
  if (await exists(wire, topic.name)) return;
  const configs = Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value }));
  const request = {
    name: topic.name,
    numPartitions: topic.partitions ?? BY_DEFAULT,
    replicationFactor: BY_DEFAULT,
    assignments: [],
    configs,
  };
  const { timeoutMs } = wire.options;
  await wire.retry(`create the topic "${topic.name}"`, async () => {
    try {
      await wire.call('CreateTopics', await controller(wire), [[request], timeoutMs, false]);
    } catch (error) {
      if (kafkaErrorOf(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
    }
  });
  const endMs = wire.options.clock.nowMs() + timeoutMs;
  while (!(await hasLeaders(wire, topic.name)) && wire.options.clock.nowMs() < endMs) {
    await sleep(wire.options.clock, VISIBLE_AFTER_MS, wire.signal);
  }
}

export async function exists(wire: Wire, topic: string): Promise<boolean> {
  try {
    await wire.retry(`look up "${topic}"`, () => wire.metadata([topic], true));
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'not-found') return false;
    throw error;
  }
}

/** A cluster tells its brokers one after the other of a new topic. */
async function hasLeaders(wire: Wire, topic: string): Promise<boolean> {
  try {
    const metadata = await wire.metadata([topic], true);
    return metadata.topics.get(topic)!.partitions.every(({ leader }) => leader >= 0);
  } catch {
    return false;
  }
}

/** Resolves when it is not there any more. */
export async function deleteTopic(wire: Wire, topic: string): Promise<void> {
  const { timeoutMs } = wire.options;
  await wire.retry(`delete the topic "${topic}"`, async () => {
    try {
      const args = [[{ name: topic, topicId: null }], timeoutMs];
      await wire.call('DeleteTopics', await controller(wire), args);
    } catch (error) {
      if (kafkaErrorOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
    }
  });
}

/** Removes what stands before these offsets, for good. */
export async function deleteRecords(
  wire: Wire,
  topic: string,
  before: ReadonlyMap<number, number>,
): Promise<void> {
  await wire.retry(`purge "${topic}"`, async () => {
    const metadata = await wire.metadata([topic], true);
    const byLeader = new Map<number, object[]>();
    for (const [partitionIndex, offset] of before) {
      const leader = metadata.topics.get(topic)!.partitions[partitionIndex]?.leader ?? -1;
      const partition = { partitionIndex, partition: partitionIndex, offset: BigInt(offset) };
      const group = byLeader.get(leader);
      if (group === undefined) byLeader.set(leader, [partition]);
      else group.push(partition);
    }
    for (const [leader, partitions] of byLeader) {
      const args = [[{ name: topic, partitions }], wire.options.timeoutMs];
      await wire.call('DeleteRecords', leader, args);
    }
  });
}

async function controller(wire: Wire): Promise<number | undefined> {
  const { controllerId } = await wire.metadata([], true);
  return controllerId >= 0 ? controllerId : undefined;
}
