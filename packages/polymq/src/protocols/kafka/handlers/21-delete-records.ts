import { failureOf, NONE } from '../errors.ts';
import { type Handler, handler } from '../handler.ts';
import { partitionOf } from '../lookup.ts';
import { deleteRecords } from '../schema/21-delete-records.ts';

/** DeleteRecords: raises the start of partitions (KIP-107). Offset -1 stands for the end. */
export const deleteRecordsHandler: Handler<typeof deleteRecords> = handler(
  deleteRecords,
  async (request, context) => ({
    throttleTimeMs: 0,
    topics: await Promise.all(
      request.topics.map(async (topic) => ({
        name: topic.name,
        partitions: await Promise.all(
          topic.partitions.map(async ({ partitionIndex, offset }) => {
            try {
              const partition = partitionOf(context.broker.streams, topic.name, partitionIndex);
              const lowWatermark = await partition.deleteRecords(offset);
              return { partitionIndex, lowWatermark, errorCode: NONE };
            } catch (error) {
              const { errorCode } = failureOf(error);
              return { partitionIndex, lowWatermark: -1, errorCode };
            }
          }),
        ),
      })),
    ),
  }),
);
