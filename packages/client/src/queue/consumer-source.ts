/** The way from a consumer to the queue or group that it consumes, for patterns that watch both. */
import type { Consumer } from './queue.ts';

const sources = new WeakMap<Consumer, object>();

/** Answers the consumer. */
export function withSource(consumer: Consumer, source: object): Consumer {
  sources.set(consumer, source);
  return consumer;
}

/** The queue or group; `undefined`: it is no consumer of this SDK. */
export function sourceOf(consumer: Consumer): object | undefined {
  return sources.get(consumer);
}
