import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { checkLeaderEpoch, partitionOf } from '../lookup.ts';
import { offsetForLeaderEpoch } from '../schema/23-offset-for-leader-epoch.ts';

type PartitionRequest = RequestOf<
  typeof offsetForLeaderEpoch
>['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<
  typeof offsetForLeaderEpoch
>['topics'][number]['partitions'][number];

/** OffsetForLeaderEpoch: where an epoch ended, by which clients notice truncation (KIP-320). */
export const offsetForLeaderEpochHandler: Handler<typeof offsetForLeaderEpoch> = handler(
  offsetForLeaderEpoch,
  (request, context) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((wanted) => answer(topic, wanted, context)),
    })),
  }),
);

function answer(topic: string, wanted: PartitionRequest, context: Context): PartitionResponse {
  try {
    const partition = partitionOf(context.broker.streams, topic, wanted.partition);
    checkLeaderEpoch(partition, wanted.currentLeaderEpoch);
    const { epoch, endOffset } = partition.endOfEpoch(wanted.leaderEpoch);
    return { errorCode: NONE, partition: wanted.partition, leaderEpoch: epoch, endOffset };
  } catch (error) {
    const { errorCode } = failureOf(error);
    return { errorCode, partition: wanted.partition, leaderEpoch: -1, endOffset: -1 };
  }
}
