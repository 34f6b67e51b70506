/**
 * ListOffsets: an offset for a point in time. Special timestamps: -1 the end, -2 the start, -3 the record with
 * the largest timestamp (KIP-734), -4 the first and -5 the last offset by where a tiered log is stored (KIP-405):
 * here all of it is local and nothing is tiered.
 */
import type { Partition } from '../../../core/stream/streams.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { checkLeaderEpoch, partitionOf } from '../lookup.ts';
import { listOffsets } from '../schema/02-list-offsets.ts';

type PartitionRequest = RequestOf<typeof listOffsets>['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<typeof listOffsets>['topics'][number]['partitions'][number];

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
/** Answer where no record matches. */
const NO_OFFSET = { offset: -1, timestamp: -1 };

export const listOffsetsHandler: Handler<typeof listOffsets> = handler(
  listOffsets,
  async (request, context) => ({
    topics: await Promise.all(
      request.topics.map(async (topic) => ({
        name: topic.name,
        partitions: await Promise.all(
          topic.partitions.map((wanted) => answer(topic.name, wanted, context)),
        ),
      })),
    ),
  }),
);

async function answer(
  topic: string,
  wanted: PartitionRequest,
  context: Context,
): Promise<PartitionResponse> {
  const partitionIndex = wanted.partitionIndex;
  try {
    const partition = partitionOf(context.broker.streams, topic, partitionIndex);
    checkLeaderEpoch(partition, wanted.currentLeaderEpoch);
    const { offset, timestamp } = await find(partition, wanted.timestamp);
    const leaderEpoch = offset < 0 ? -1 : partition.leaderEpoch;
    return { partitionIndex, errorCode: NONE, offset, timestamp, leaderEpoch };
  } catch (error) {
    const { errorCode } = failureOf(error);
    return { partitionIndex, errorCode, ...NO_OFFSET, leaderEpoch: -1 };
  }
}

async function find(
  partition: Partition,
  timestamp: number,
): Promise<{ offset: number; timestamp: number }> {
  if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) {
    return { offset: partition.startOffset, timestamp: -1 };
  }
  if (timestamp === LATEST_TIERED) return NO_OFFSET;
  // With acks=1 a record is acknowledged before it is committed, and must be counted all the same.
  await partition.settle();
  if (timestamp === LATEST) return { offset: partition.endOffset, timestamp: -1 };
  const found =
    timestamp === MAX_TIMESTAMP
      ? await partition.findMaxTimestamp()
      : await partition.findTimestamp(timestamp);
  return found ? { offset: found.offset, timestamp: found.timestampMs } : NO_OFFSET;
}
