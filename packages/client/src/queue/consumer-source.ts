/** The way from a consumer to what it consumes, for patterns that watch both. */
import type { Group } from '../topic/topic.ts';
import type { Consumer, Queue } from './queue.ts';

const sources = new WeakMap<Consumer, Queue | Group>();

/** Answers the consumer. */
export function withSource(consumer: Consumer, source: object): Consumer {
  sources.set(consumer, source as Queue | Group);
  return consumer;
}

/** `undefined`: it is no consumer of a queue or group of this SDK. */
export function sourceOf(consumer: Consumer): Queue | Group | undefined {
  return sources.get(consumer);
}
