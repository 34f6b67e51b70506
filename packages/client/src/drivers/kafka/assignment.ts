/**
 * What members of a group tell each other, as Kafka's own consumers write it (`ConsumerProtocolSubscription` and
 * `ConsumerProtocolAssignment`, version 0), and who gets which partition.
 *
 *   subscription   int16 version, array of topics (int16-length text), bytes user data
 *   assignment     int16 version, array of (topic, array of int32 partitions), bytes user data
 */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** What is offered, so that there is one that members of other libraries know, too. Whichever it is, we share as `assign` does. */
export const PROTOCOLS = ['range', 'roundrobin'] as const;

export function encodeSubscription(topics: readonly string[]): Buffer {
  const parts = [int16(0), int32(topics.length)];
  for (const topic of topics) parts.push(...text(topic));
  parts.push(int32(-1));
  return Buffer.concat(parts);
}

export function decodeSubscription(bytes: Uint8Array): string[] {
  const cursor = new Cursor(bytes);
  cursor.int16();
  return cursor.list(() => cursor.text());
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const parts = [int16(0), int32(assignment.size)];
  for (const [topic, partitions] of assignment) {
    parts.push(...text(topic), int32(partitions.length), ...partitions.map(int32));
  }
  parts.push(int32(-1));
  return Buffer.concat(parts);
}

/** Nothing at all means nothing assigned. */
export function decodeAssignment(bytes: Uint8Array | null): Map<string, number[]> {
  const assignment = new Map<string, number[]>();
  if (bytes === null || bytes.length < 6) return assignment;
  const cursor = new Cursor(bytes);
  cursor.int16();
  cursor.list(() =>
    assignment.set(
      cursor.text(),
      cursor.list(() => cursor.int32()),
    ),
  );
  return assignment;
}

/**
 * Every topic's partitions in runs of nearly equal length, to the members that read it, in the order of their ids: the `range`
 * assignor of Kafka. Which members get the longer runs changes from topic to topic, so that topics of one
 * partition do not all go to the same member.
 */
export function assign(
  members: ReadonlyMap<string, readonly string[]>,
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, Map<string, number[]>> {
  const shares = new Map<string, Map<string, number[]>>();
  for (const member of members.keys()) shares.set(member, new Map());
  const topics = [...partitionCounts.keys()].sort();
  for (const [turn, topic] of topics.entries()) {
    const readers = [...members]
      .filter(([, subscribed]) => subscribed.includes(topic))
      .map(([member]) => member)
      .sort();
    if (readers.length === 0) continue;
    const count = partitionCounts.get(topic)!;
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
  const bytes = Buffer.from(value);
  return [int16(bytes.length), bytes];
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  text(): string {
    const length = this.int16();
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  list<T>(item: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) items.push(item());
    return items;
  }
}
