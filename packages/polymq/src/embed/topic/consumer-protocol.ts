/**
 * What members of a group tell each other, as Kafka's consumers write it (`ConsumerProtocolSubscription` and
 * `ConsumerProtocolAssignment`, version 0), so that they can be in the same group; and who gets which partition.
 *
 *   subscription   int16 version │ topics: int32 count, { int16 length, text }* │ int32 user data (-1)
 *   assignment     int16 version │ int32 count, { topic, int32 count, int32* }* │ int32 user data (-1)
 */
import { Reader } from '../../lib/bytes/reader.ts';

export const PROTOCOL_TYPE = 'consumer';
/** Offered so that there is one that the others know; whichever is chosen, the leader shares as it likes. */
export const PROTOCOL_NAMES: readonly string[] = ['range', 'roundrobin', 'RoundRobinAssigner'];

export type Shares = ReadonlyMap<string, readonly number[]>;

const VERSION = 0;
const NO_USER_DATA = -1;

export function writeSubscription(topics: readonly string[]): Buffer {
  return Buffer.concat([
    int16(VERSION),
    int32(topics.length),
    ...topics.flatMap(text),
    int32(NO_USER_DATA),
  ]);
}

export function readSubscription(metadata: Buffer): string[] {
  const reader = new Reader(metadata);
  reader.int16();
  const count = reader.count(reader.int32(), 2);
  return Array.from({ length: count }, () => reader.utf8(reader.int16()));
}

export function writeAssignment(shares: Shares): Buffer {
  const parts = [int16(VERSION), int32(shares.size)];
  for (const [topic, partitions] of shares) {
    parts.push(...text(topic), int32(partitions.length), ...partitions.map(int32));
  }
  parts.push(int32(NO_USER_DATA));
  return Buffer.concat(parts);
}

/** Nothing at all means nothing assigned. */
export function readAssignment(assignment: Buffer): Map<string, number[]> {
  const shares = new Map<string, number[]>();
  if (assignment.length === 0) return shares;
  const reader = new Reader(assignment);
  reader.int16();
  for (let left = reader.count(reader.int32(), 6); left > 0; left--) {
    const topic = reader.utf8(reader.int16());
    const count = reader.count(reader.int32(), 4);
    shares.set(
      topic,
      Array.from({ length: count }, () => reader.int32()),
    );
  }
  return shares;
}

/**
 * Every topic's partitions in runs of nearly equal length to the members that read it, in the order of their ids. Which members
 * get the longer runs changes from topic to topic.
 */
export function sharePartitions(
  members: ReadonlyMap<string, readonly string[]>,
  partitionCount: (topic: string) => number,
): Map<string, Map<string, number[]>> {
  const shares = new Map<string, Map<string, number[]>>();
  for (const member of members.keys()) shares.set(member, new Map());
  const topics = [...new Set([...members.values()].flat())].sort();
  for (const [turn, topic] of topics.entries()) {
    const count = partitionCount(topic);
    const readers = [...members]
      .filter(([, subscribed]) => subscribed.includes(topic))
      .map(([member]) => member)
      .sort();
    for (const [at, member] of readers.entries()) {
      const place = (at + turn) % readers.length;
      const first = Math.floor((place * count) / readers.length);
      const end = Math.floor(((place + 1) * count) / readers.length);
      const run = Array.from({ length: end - first }, (_, index) => first + index);
      if (run.length > 0) shares.get(member)!.set(topic, run);
    }
  }
  return shares;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer[] {
  const bytes = Buffer.from(value, 'utf8');
  return [int16(bytes.length), bytes];
}
