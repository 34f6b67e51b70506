import { groupErrorCodeOf, groupFailureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { offsetDelete } from '../schema/47-offset-delete.ts';

/** OffsetDelete: forgets committed offsets of topics the group is not subscribed to (KIP-496). */
export const offsetDeleteHandler: Handler<typeof offsetDelete> = handler(
  offsetDelete,
  async (request, context) => {
    const partitions = request.topics.flatMap((topic) =>
      topic.partitions.map(({ partitionIndex }) => ({
        stream: topic.name,
        partition: partitionIndex,
      })),
    );
    try {
      const outcomes = await context.broker.groups.deleteOffsets(request.groupId, partitions);
      const errors = new Map(
        outcomes.map((outcome) => [`${outcome.stream}/${outcome.partition}`, outcome.error]),
      );
      return {
        errorCode: NONE,
        throttleTimeMs: 0,
        topics: request.topics.map((topic) => ({
          name: topic.name,
          partitions: topic.partitions.map(({ partitionIndex }) => ({
            partitionIndex,
            errorCode: groupErrorCodeOf(errors.get(`${topic.name}/${partitionIndex}`)),
          })),
        })),
      };
    } catch (error) {
      return { errorCode: groupFailureOf(error).errorCode, throttleTimeMs: 0, topics: [] };
    }
  },
);
