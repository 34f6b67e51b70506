import { BrokerError } from '../../../core/errors.ts';
import { ZERO_UUID } from '../codec/plan.ts';
import type { RequestOf, ResponseOf } from '../codec/spec.ts';
import { failureOf, NONE } from '../errors.ts';
import { type Context, type Handler, handler } from '../handler.ts';
import { deleteTopics } from '../schema/20-delete-topics.ts';

type TopicRequest = RequestOf<typeof deleteTopics>['topics'][number];
type TopicResponse = ResponseOf<typeof deleteTopics>['responses'][number];

/** From here on topics are named by name or by id (KIP-516). */
const TOPIC_IDS_SINCE = 6;

export const deleteTopicsHandler: Handler<typeof deleteTopics> = handler(
  deleteTopics,
  async (request, context) => {
    const topics =
      context.version >= TOPIC_IDS_SINCE
        ? request.topics
        : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
    const responses = await Promise.all(topics.map((topic) => deleteOne(topic, context)));
    return { throttleTimeMs: 0, responses };
  },
);

async function deleteOne(topic: TopicRequest, context: Context): Promise<TopicResponse> {
  const { streams } = context.broker;
  const stream = topic.name === null ? streams.getById(topic.topicId) : streams.get(topic.name);
  const name = topic.name ?? stream?.name ?? null;
  const topicId = stream?.id ?? topic.topicId;
  try {
    if (!stream) {
      if (topic.name !== null) throw new BrokerError('unknown-stream', `no topic "${topic.name}"`);
      throw new BrokerError('unknown-stream-id', `no topic has the id ${topic.topicId}`);
    }
    await streams.delete(stream.name);
    return { name, topicId, errorCode: NONE, errorMessage: null };
  } catch (error) {
    return { name, topicId, ...failureOf(error) };
  }
}
