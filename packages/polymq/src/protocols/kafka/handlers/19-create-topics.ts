/**
 * CreateTopics: each topic of the request has its own outcome, and is durable when answered. A name that comes
 * twice in one request is refused, as by Kafka.
 */
import { BrokerError } from '../../../core/errors.ts';
import type { StreamConfigName } from '../../../core/stream/stream-config.ts';
import type { Stream, StreamSpec } from '../../../core/stream/streams.ts';
import { ZERO_UUID } from '../codec/plan.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { describeTopicConfigs } from '../describe-topic-configs.ts';
import { failureOf, kafkaCode, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { createTopics } from '../schema/19-create-topics.ts';
import { toCoreConfig } from '../topic-configs.ts';

type TopicRequest = RequestOf<typeof createTopics>['topics'][number];
type TopicResponse = ResponseOf<typeof createTopics>['topics'][number];

const DEFAULT = -1;

/** CreateTopics: each topic has its own outcome. Durable when answered. */
export const createTopicsHandler: Handler<typeof createTopics> = handler(
  createTopics,
  async (request, context) => {
    const seen = new Set<string>();
    const twice = new Set<string>();
    for (const { name } of request.topics) (seen.has(name) ? twice : seen).add(name);
    const topics = await Promise.all(
      [...new Map(request.topics.map((topic) => [topic.name, topic])).values()].map((topic) =>
        twice.has(topic.name)
          ? failed(topic, kafkaCode('INVALID_REQUEST'), 'the request names this topic twice')
          : createOne(topic, request.validateOnly, context),
      ),
    );
    return { throttleTimeMs: 0, topics };
  },
);

async function createOne(
  topic: TopicRequest,
  dryRun: boolean,
  context: Context,
): Promise<TopicResponse> {
  const placement = placementError(topic, context.broker.nodeId);
  if (placement) return failed(topic, placement.errorCode, placement.errorMessage);
  try {
    const stream = await context.broker.streams.create(specOf(topic), { dryRun });
    return created(stream, dryRun);
  } catch (error) {
    const { errorCode, errorMessage } = failureOf(error);
    return failed(topic, errorCode, errorMessage);
  }
}

/** One broker holds the only copy: anything else would promise redundancy that is not there. */
function placementError(topic: TopicRequest, node: number) {
  const assigned = topic.assignments.length > 0;
  if (assigned && (topic.numPartitions !== DEFAULT || topic.replicationFactor !== DEFAULT)) {
    const errorMessage = 'give either assignments, or numPartitions and replicationFactor';
    return { errorCode: kafkaCode('INVALID_REQUEST'), errorMessage };
  }
  if (topic.assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== node)) {
    const errorMessage = `partitions can only be assigned to broker ${node}`;
    return { errorCode: kafkaCode('INVALID_REPLICA_ASSIGNMENT'), errorMessage };
  }
  if (topic.replicationFactor !== DEFAULT && topic.replicationFactor !== 1) {
    const errorMessage = `replication factor ${topic.replicationFactor} needs more brokers than 1`;
    return { errorCode: kafkaCode('INVALID_REPLICATION_FACTOR'), errorMessage };
  }
  return undefined;
}

function specOf(topic: TopicRequest): StreamSpec {
  const overrides = new Map<StreamConfigName, string>();
  for (const { name, value } of topic.configs) {
    if (value === null) {
      throw new BrokerError('invalid-config', `the value of ${name} is null`);
    }
    const setting = toCoreConfig(name, value);
    if (setting?.value !== undefined) overrides.set(setting.name, setting.value);
  }
  return { name: topic.name, partitionCount: partitionCountOf(topic), overrides };
}

function partitionCountOf(topic: TopicRequest): number | undefined {
  if (topic.assignments.length > 0) return topic.assignments.length;
  return topic.numPartitions === DEFAULT ? undefined : topic.numPartitions;
}

function created(stream: Stream, dryRun: boolean): TopicResponse {
  return {
    name: stream.name,
    topicId: dryRun ? ZERO_UUID : stream.id,
    errorCode: NONE,
    errorMessage: null,
    topicConfigErrorCode: NONE,
    numPartitions: stream.partitions.length,
    replicationFactor: 1,
    configs: describeTopicConfigs(stream, null),
  };
}

function failed(topic: TopicRequest, errorCode: number, errorMessage: string): TopicResponse {
  return {
    name: topic.name,
    topicId: ZERO_UUID,
    errorCode,
    errorMessage,
    topicConfigErrorCode: NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  };
}
