/** Consumer groups from outside: what they have committed, who is in them, and moving or deleting what nobody is in. */
import { PolymqError } from '../../errors.ts';
import { kafkaErrorOf } from './errors.ts';
import { type Commit, findCoordinator, topicsOf } from './membership.ts';
import type { Offsets } from './offsets.ts';
import type { Wire } from './wire.ts';

interface OffsetFetchAnswer {
  readonly groups: readonly {
    readonly topics: readonly {
      readonly name: string;
      readonly partitions: readonly {
        readonly partitionIndex: number;
        readonly committedOffset: bigint;
      }[];
    }[];
  }[];
}

/** Per topic and partition; what was never committed is missing. */
export type Committed = ReadonlyMap<string, Offsets>;

export async function committedOffsets(
  wire: Wire,
  group: string,
  partitions: ReadonlyMap<string, readonly number[]>,
): Promise<Committed> {
  const topics = [...partitions].map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
  const answer = await atCoordinator<OffsetFetchAnswer>(wire, group, 'OffsetFetch', [
    [{ groupId: group, memberId: null, memberEpoch: -1, topics }],
    false,
  ]);
  const found = new Map<string, Map<number, number>>();
  for (const topic of answer.groups[0]?.topics ?? []) {
    const offsets = new Map<number, number>();
    for (const { partitionIndex, committedOffset } of topic.partitions) {
      if (committedOffset >= 0n) offsets.set(partitionIndex, Number(committedOffset));
    }
    found.set(topic.name, offsets);
  }
  return found;
}

/** How many members it has; 0 if there is no such group. */
export async function memberCount(wire: Wire, group: string): Promise<number> {
  const answer = await atCoordinator<{ groups: readonly { members: readonly unknown[] }[] }>(
    wire,
    group,
    'DescribeGroups',
    [[group], false],
  );
  return answer.groups[0]?.members.length ?? 0;
}

/** From outside, which Kafka allows while nobody is in the group. Throws `invalid-argument` then. */
export async function moveCommits(
  wire: Wire,
  group: string,
  offsets: readonly Commit[],
): Promise<void> {
  const members = await memberCount(wire, group);
  if (members > 0) throw groupInUse(group, members);
  try {
    const args = [group, -1, '', null, topicsOf(offsets)];
    await atCoordinator(wire, group, 'OffsetCommit', args);
  } catch (error) {
    const name = kafkaErrorOf(error);
    if (name !== 'UNKNOWN_MEMBER_ID' && name !== 'REBALANCE_IN_PROGRESS') throw error;
    throw groupInUse(group, 1);
  }
}

function groupInUse(group: string, members: number): PolymqError {
  return new PolymqError(
    'invalid-argument',
    `the group "${group}" has ${members} members, and Kafka moves only groups that nobody is in: close its consumers first`,
  );
}

/** Deletes it if nobody is in it. */
export async function deleteGroup(wire: Wire, group: string): Promise<void> {
  try {
    await atCoordinator(wire, group, 'DeleteGroups', [[group]]);
  } catch (error) {
    const name = kafkaErrorOf(error);
    if (name !== 'GROUP_ID_NOT_FOUND' && name !== 'NON_EMPTY_GROUP') throw error;
  }
}

function atCoordinator<R>(
  wire: Wire,
  group: string,
  api: string,
  args: readonly unknown[],
): Promise<R> {
  return wire.retry(`look up the group "${group}"`, async () => {
    const node = await findCoordinator(wire, group);
    return wire.call<R>(api, node, args);
  });
}
