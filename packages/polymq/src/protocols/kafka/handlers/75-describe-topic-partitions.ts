/**
 * DescribeTopicPartitions: topics by name in order, cut into pages of partitions (KIP-966).
 * The cursor of a page names the partition with which the next one begins.
 */
import type { Stream } from '../../../core/stream/streams.ts';
import { AUTHORIZED_OPERATIONS_UNKNOWN } from '../authorized-operations.ts';
import { ZERO_UUID } from '../codec/plan.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { describeTopicPartitions } from '../schema/75-describe-topic-partitions.ts';

type Request = RequestOf<typeof describeTopicPartitions>;
type TopicResponse = ResponseOf<typeof describeTopicPartitions>['topics'][number];
type Cursor = { topicName: string; partitionIndex: number };

/** The most partitions in one page, whatever the client asks for. */
const PARTITIONS_MAX = 2000;

export const describeTopicPartitionsHandler: Handler<typeof describeTopicPartitions> = handler(
  describeTopicPartitions,
  (request, context) => {
    const topics: TopicResponse[] = [];
    let room = Math.min(Math.max(1, request.responsePartitionLimit), PARTITIONS_MAX);
    for (const name of namesFrom(request, context)) {
      const stream = context.broker.streams.get(name);
      if (!stream) {
        topics.push(absent(name));
        continue;
      }
      const first = name === request.cursor?.topicName ? request.cursor.partitionIndex : 0;
      if (room === 0) return page(topics, { topicName: name, partitionIndex: first });
      const end = Math.min(stream.partitions.length, first + room);
      topics.push(present(stream, first, end, context.broker.nodeId));
      room -= Math.max(0, end - first);
      if (end < stream.partitions.length) {
        return page(topics, { topicName: name, partitionIndex: end });
      }
    }
    return page(topics, null);
  },
);

function namesFrom(request: Request, context: Context): string[] {
  const asked =
    request.topics.length === 0
      ? context.broker.streams.list().map((stream) => stream.name)
      : [...new Set(request.topics.map((topic) => topic.name))].sort();
  const from = request.cursor?.topicName;
  return from === undefined ? asked : asked.filter((name) => name >= from);
}

function page(
  topics: TopicResponse[],
  nextCursor: Cursor | null,
): ResponseOf<typeof describeTopicPartitions> {
  return { throttleTimeMs: 0, topics, nextCursor };
}

function present(stream: Stream, first: number, end: number, node: number): TopicResponse {
  return {
    errorCode: NONE,
    name: stream.name,
    topicId: stream.id,
    isInternal: false,
    partitions: stream.partitions.slice(first, end).map((partition) => ({
      errorCode: NONE,
      partitionIndex: partition.index,
      leaderId: node,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: [node],
      isrNodes: [node],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
  };
}

function absent(name: string): TopicResponse {
  return {
    errorCode: kafkaCode('UNKNOWN_TOPIC_OR_PARTITION'),
    name,
    topicId: ZERO_UUID,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
  };
}
