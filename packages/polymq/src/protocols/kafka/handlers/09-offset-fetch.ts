/**
 * OffsetFetch: committed offsets of one group, or of many at once since version 8 (KIP-709).
 * A partition without a committed offset is answered with -1, which is no error.
 */
import type { CommittedOffset, StreamPartition } from '../../../core/group/groups.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { groupFailureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { offsetFetch } from '../schema/09-offset-fetch.ts';

type Group = NonNullable<ResponseOf<typeof offsetFetch>['groups']>[number];
type Topic = Group['topics'][number];
type TopicRequest = { readonly name: string; readonly partitionIndexes: readonly number[] };

const BATCHED_SINCE = 8;

export const offsetFetchHandler: Handler<typeof offsetFetch> = handler(
  offsetFetch,
  async (request, context) => {
    if (context.version >= BATCHED_SINCE) {
      const groups = await Promise.all(
        request.groups.map((group) => fetchGroup(group.groupId, group.topics, context)),
      );
      return { throttleTimeMs: 0, groups };
    }
    const { topics, errorCode } = await fetchGroup(
      request.groupId,
      topicsOf(request, context),
      context,
    );
    return { throttleTimeMs: 0, topics, errorCode };
  },
);

/** Null asks for all partitions. Version 1 has no null: an empty list means an empty list. */
function topicsOf(
  request: RequestOf<typeof offsetFetch>,
  context: Context,
): readonly TopicRequest[] | null {
  return context.version < 2 ? (request.topics ?? []) : request.topics;
}

async function fetchGroup(
  groupId: string,
  asked: readonly TopicRequest[] | null,
  context: Context,
): Promise<Group> {
  try {
    const found = await context.broker.groups.fetchOffsets(groupId, partitionsOf(asked));
    const topics = asked === null ? byTopic(found) : inOrder(asked, found);
    return { groupId, topics, errorCode: NONE };
  } catch (error) {
    return { groupId, topics: [], errorCode: groupFailureOf(error).errorCode };
  }
}

function partitionsOf(asked: readonly TopicRequest[] | null): StreamPartition[] | undefined {
  return asked?.flatMap((topic) =>
    topic.partitionIndexes.map((partition) => ({ stream: topic.name, partition })),
  );
}

function byTopic(found: CommittedOffset[]): Topic[] {
  const topics = new Map<string, { name: string; partitions: Topic['partitions'][number][] }>();
  for (const offset of found) {
    let topic = topics.get(offset.stream);
    if (!topic) {
      topic = { name: offset.stream, partitions: [] };
      topics.set(offset.stream, topic);
    }
    topic.partitions.push(present(offset));
  }
  return [...topics.values()];
}

function inOrder(asked: readonly TopicRequest[], found: CommittedOffset[]): Topic[] {
  const offsets = new Map(found.map((offset) => [`${offset.stream}/${offset.partition}`, offset]));
  return asked.map((topic) => ({
    name: topic.name,
    partitions: topic.partitionIndexes.map((partition) => {
      const offset = offsets.get(`${topic.name}/${partition}`);
      return offset ? present(offset) : absent(partition);
    }),
  }));
}

function present(offset: CommittedOffset): Topic['partitions'][number] {
  return {
    partitionIndex: offset.partition,
    committedOffset: offset.offset,
    committedLeaderEpoch: offset.leaderEpoch,
    metadata: offset.metadata,
    errorCode: NONE,
  };
}

/** A partition the group never committed is not an error: offset -1 says so. */
function absent(partitionIndex: number): Topic['partitions'][number] {
  return {
    partitionIndex,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode: NONE,
  };
}
