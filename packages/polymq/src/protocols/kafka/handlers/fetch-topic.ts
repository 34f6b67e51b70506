import type { Stream, Streams } from '../../../core/stream/streams.ts';
import { kafkaCode } from '../errors.ts';

/** From this version on a topic is named by its id (KIP-516). */
const TOPIC_IDS_SINCE = 13;

/** The topic of a fetch request, by name or by id as the version has it, or the error it gets. */
export function fetchTopicOf(
  streams: Streams,
  topic: { topic: string; topicId: string },
  version: number,
): { stream: Stream; errorCode?: never } | { stream?: never; errorCode: number } {
  const byId = version >= TOPIC_IDS_SINCE;
  const stream = byId ? streams.getById(topic.topicId) : streams.get(topic.topic);
  if (stream) return { stream };
  return { errorCode: kafkaCode(byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION') };
}
