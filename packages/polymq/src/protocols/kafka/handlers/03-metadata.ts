/**
 * Metadata: who the brokers are and what topics exist. One broker leads everything; its address is the one
 * that this very client can reach (`advertised-address.ts`). Asking for a missing topic creates it where
 * both the broker and the client allow that.
 */
import { BrokerError } from '../../../core/errors.ts';
import type { Stream } from '../../../core/stream/streams.ts';
import { AUTHORIZED_OPERATIONS_UNKNOWN } from '../authorized-operations.ts';
import { ZERO_UUID } from '../codec/plan.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { metadata } from '../schema/03-metadata.ts';

type Request = RequestOf<typeof metadata>;
type TopicRequest = NonNullable<Request['topics']>[number];
type TopicResponse = ResponseOf<typeof metadata>['topics'][number];

/** Requests with topic ids, where the name may be absent. */
const TOPIC_IDS_SINCE = 10;

export const metadataHandler: Handler<typeof metadata> = handler(
  metadata,
  async (request, context) => {
    const { broker, advertised } = context;
    return {
      throttleTimeMs: 0,
      brokers: [
        { nodeId: broker.nodeId, host: advertised.host, port: advertised.port, rack: null },
      ],
      clusterId: broker.clusterId,
      controllerId: broker.nodeId,
      topics: await topics(request, context),
      clusterAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
    };
  },
);

async function topics(request: Request, context: Context): Promise<TopicResponse[]> {
  // Version 0 has no null: an empty list asked for all topics.
  const all = request.topics === null || (context.version === 0 && request.topics.length === 0);
  if (all) return context.broker.streams.list().map((stream) => present(stream, context));
  const found: TopicResponse[] = [];
  for (const topic of request.topics ?? []) {
    found.push(await oneTopic(topic, request.allowAutoTopicCreation, context));
  }
  return found;
}

async function oneTopic(
  topic: TopicRequest,
  autoCreate: boolean,
  context: Context,
): Promise<TopicResponse> {
  const name = topic.name;
  try {
    if (name === null || (context.version >= TOPIC_IDS_SINCE && topic.topicId !== ZERO_UUID)) {
      return present(byId(topic.topicId, context), context);
    }
    return present(await byName(name, autoCreate, context), context);
  } catch (error) {
    return absent(name, topic.topicId, failureOf(error).errorCode);
  }
}

function byId(id: string, context: Context): Stream {
  const stream = context.broker.streams.getById(id);
  if (!stream) throw new BrokerError('unknown-stream-id', `no topic has the id ${id}`);
  return stream;
}

async function byName(name: string, autoCreate: boolean, context: Context): Promise<Stream> {
  const { streams, autoCreateStreams } = context.broker;
  const stream = streams.get(name);
  if (stream) return stream;
  if (!autoCreate || !autoCreateStreams) {
    throw new BrokerError('unknown-stream', `topic "${name}" does not exist`);
  }
  try {
    return await streams.create({ name });
  } catch (error) {
    // Two clients that ask at the same time both get the topic.
    const created = streams.get(name);
    if (created) return created;
    throw error;
  }
}

function present(stream: Stream, context: Context): TopicResponse {
  const node = context.broker.nodeId;
  return {
    errorCode: NONE,
    name: stream.name,
    topicId: stream.id,
    isInternal: false,
    partitions: stream.partitions.map((partition) => ({
      errorCode: NONE,
      partitionIndex: partition.index,
      leaderId: node,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: [node],
      isrNodes: [node],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
  };
}

function absent(name: string | null, topicId: string, errorCode: number): TopicResponse {
  return {
    errorCode,
    name,
    topicId,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: AUTHORIZED_OPERATIONS_UNKNOWN,
  };
}
