import type { OffsetOutcome, OffsetToCommit } from '../../../core/group/groups.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, groupErrorCodeOf, groupFailureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { partitionOf } from '../lookup.ts';
import { offsetCommit } from '../schema/08-offset-commit.ts';

type Request = RequestOf<typeof offsetCommit>;
type TopicResponse = ResponseOf<typeof offsetCommit>['topics'][number];

/** OffsetCommit: answered when the offsets are durable. Unknown partitions do not hurt the others. */
export const offsetCommitHandler: Handler<typeof offsetCommit> = handler(
  offsetCommit,
  async (request, context) => {
    const errors = new Map<string, number>();
    const offsets = known(request, context, errors);
    try {
      const outcomes = await context.broker.groups.commitOffsets(
        request.groupId,
        memberOf(request),
        offsets,
      );
      for (const outcome of outcomes) errors.set(keyOf(outcome), groupErrorCodeOf(outcome.error));
    } catch (error) {
      const { errorCode } = groupFailureOf(error);
      for (const offset of offsets) errors.set(keyOf(offset), errorCode);
    }
    return { throttleTimeMs: 0, topics: answer(request, errors) };
  },
);

/** Undefined for a commit that claims no membership: `assign()` without a group protocol. */
function memberOf(request: Request) {
  const generation = request.generationIdOrMemberEpoch;
  if (generation < 0 && request.memberId === '') return undefined;
  const instanceId = request.groupInstanceId ?? undefined;
  return { memberId: request.memberId, generation, instanceId };
}

function known(request: Request, context: Context, errors: Map<string, number>): OffsetToCommit[] {
  const offsets: OffsetToCommit[] = [];
  for (const topic of request.topics) {
    for (const partition of topic.partitions) {
      const offset = {
        stream: topic.name,
        partition: partition.partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata ?? '',
      };
      try {
        partitionOf(context.broker.streams, topic.name, partition.partitionIndex);
        offsets.push(offset);
      } catch (error) {
        errors.set(keyOf(offset), failureOf(error).errorCode);
      }
    }
  }
  return offsets;
}

function answer(request: Request, errors: Map<string, number>): TopicResponse[] {
  return request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: errors.get(keyOf({ stream: topic.name, partition: partitionIndex })) ?? NONE,
    })),
  }));
}

function keyOf(at: Pick<OffsetOutcome, 'stream' | 'partition'>): string {
  return `${at.stream}/${at.partition}`;
}
