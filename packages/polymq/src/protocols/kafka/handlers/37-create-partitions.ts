import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { createPartitions } from '../schema/37-create-partitions.ts';

type Topic = RequestOf<typeof createPartitions>['topics'][number];
type Result = ResponseOf<typeof createPartitions>['results'][number];

/** CreatePartitions: grows topics to `count` partitions in all. */
export const createPartitionsHandler: Handler<typeof createPartitions> = handler(
  createPartitions,
  async (request, context) => ({
    throttleTimeMs: 0,
    results: await Promise.all(
      request.topics.map((topic) => grow(topic, request.validateOnly, context)),
    ),
  }),
);

async function grow(topic: Topic, dryRun: boolean, context: Context): Promise<Result> {
  const { name, count, assignments } = topic;
  const node = context.broker.nodeId;
  if (assignments?.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== node)) {
    return {
      name,
      errorCode: kafkaCode('INVALID_REPLICA_ASSIGNMENT'),
      errorMessage: `partitions can only be assigned to broker ${node}`,
    };
  }
  try {
    await context.broker.streams.setPartitionCount(name, count, { dryRun });
    return { name, errorCode: NONE, errorMessage: null };
  } catch (error) {
    return { name, ...failureOf(error) };
  }
}
