import type { Queue } from '../queue/queue.ts';

/**
 * Whether the queue would refuse a message now. A stream keeps its records, so they wait there until consumers have
 * made room; queues that drop or dead-letter beyond their limits are never full. A queue with nothing in it is not
 * full either: a message too large for it will not fit later.
 */
export function isFull(queue: Queue, bodyBytes: number): boolean {
  const { lengthMax, bytesMax, overflow } = queue.definition.settings;
  if (overflow !== 'reject' || queue.readyCount === 0) return false;
  if (lengthMax !== undefined && queue.readyCount >= lengthMax) return true;
  return bytesMax !== undefined && queue.bytes + bodyBytes > bytesMax;
}
