/**
 * Produce. Versions 3 and later; 0 to 2 are answered with UNSUPPORTED_VERSION, and are advertised all the
 * same because librdkafka refuses to compress for a broker that does not (KAFKA-18659).
 *
 * Each partition's batch is checked and appended before this returns, in the order of the request; the
 * response waits for all of them together. One bad partition does not hurt the others.
 */
import { BATCH_LIMITS, checkBatch } from '../../../core/record/check-batch.ts';
import type { Acknowledge, Appended } from '../../../core/stream/streams.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { partitionOf } from '../lookup.ts';
import { produce } from '../schema/00-produce.ts';

type TopicData = RequestOf<typeof produce>['topicData'][number];
type TopicResponse = ResponseOf<typeof produce>['responses'][number];
type PartitionResponse = TopicResponse['partitionResponses'][number];

const VERSION_MIN = 3;
const ACKNOWLEDGE = new Map<number, Acknowledge>([
  [0, 'none'],
  [1, 'written'],
  [-1, 'committed'],
]);

export const produceHandler: Handler<typeof produce> = handler(produce, (request, context) => {
  const refusal = refusalOf(request, context.version);
  if (refusal !== NONE) return refuseAll(request, refusal);
  const acknowledge = ACKNOWLEDGE.get(request.acks)!;
  const pending: Promise<void>[] = [];
  const responses: TopicResponse[] = [];
  for (const topic of request.topicData) {
    responses.push(appendTopic(topic, acknowledge, context, pending));
  }
  const settle = pending.length === 1 ? pending[0]! : Promise.all(pending);
  return settle.then(() => {
    if (acknowledge !== 'none') return { responses };
    // A producer that waits for no answer learns of a failure by losing the connection, as on Kafka.
    if (responses.some(hasFailed)) context.disconnect('produce with acks=0 failed');
    return undefined;
  });
});

function refusalOf(request: RequestOf<typeof produce>, version: number): number {
  if (version < VERSION_MIN) return kafkaCode('UNSUPPORTED_VERSION');
  if (!ACKNOWLEDGE.has(request.acks)) return kafkaCode('INVALID_REQUIRED_ACKS');
  // Transactions are not offered: nothing that claims to be part of one may be stored.
  if (request.transactionalId !== null) return kafkaCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
  return NONE;
}

function refuseAll(
  request: RequestOf<typeof produce>,
  errorCode: number,
): ResponseOf<typeof produce> | undefined {
  if (request.acks === 0) return undefined;
  return {
    responses: request.topicData.map((topic) => ({
      name: topic.name,
      partitionResponses: topic.partitionData.map((data) => failed(data.index, errorCode, null)),
    })),
  };
}

function appendTopic(
  topic: TopicData,
  acknowledge: Acknowledge,
  context: Context,
  pending: Promise<void>[],
): TopicResponse {
  const partitionResponses: PartitionResponse[] = [];
  topic.partitionData.forEach((data, at) => {
    const appended = append(topic.name, data.index, data.records, acknowledge, context);
    pending.push(
      appended.then(
        (result) => {
          partitionResponses[at] = succeeded(data.index, result);
        },
        (error: unknown) => {
          context.refused(error, topic.name, data.index);
          const { errorCode, errorMessage } = failureOf(error);
          partitionResponses[at] = failed(data.index, errorCode, errorMessage);
        },
      ),
    );
  });
  return { name: topic.name, partitionResponses };
}

async function append(
  topic: string,
  index: number,
  records: Buffer | null,
  acknowledge: Acknowledge,
  context: Context,
): Promise<Appended> {
  const partition = partitionOf(context.broker.streams, topic, index);
  const batch = records ?? Buffer.alloc(0);
  checkBatch(batch, {
    ...BATCH_LIMITS,
    expandedBytesMax: context.limits.decompressedBytesMax,
  });
  return partition.append(batch, acknowledge);
}

function succeeded(index: number, result: Appended): PartitionResponse {
  return {
    index,
    errorCode: NONE,
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.appendTimeMs,
    logStartOffset: result.startOffset,
    recordErrors: [],
    errorMessage: null,
  };
}

function failed(index: number, errorCode: number, errorMessage: string | null): PartitionResponse {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage,
  };
}

function hasFailed(topic: TopicResponse): boolean {
  return topic.partitionResponses.some((partition) => partition.errorCode !== NONE);
}
