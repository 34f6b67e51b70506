/**
 * What members of a group tell each other, as Kafka's own consumers write it (`ConsumerProtocolSubscription` and
 * `ConsumerProtocolAssignment`, version 0), and who gets which partition.
 *
 *   subscription   int16 version, array of topics (int16-length text), bytes user data: JSON { held, turn }
 *   assignment     int16 version, array of (topic, array of int32 partitions), bytes user data: JSON { surplus }
 *
 * A member that works on messages of a partition holds it: it keeps it, so that nobody else gets these messages. When that is more than
 * its share, the rest is surplus: it takes nothing new from there, and joins again when it is done with it. User data of
 * other programs are not looked at.
 */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** What is offered, so that there is one that members of other libraries know, too. Whichever it is, we share as `assign` does. */
export const PROTOCOLS = ['range', 'roundrobin'] as const;

export interface Subscription {
  readonly topics: readonly string[];
  readonly held: Assignment;
}

export interface Share {
  readonly partitions: Map<string, number[]>;
  /** Of these, what is to be given up when no work on it is left. */
  readonly surplus: Map<string, number[]>;
}

export function encodeSubscription({ topics, held }: Subscription, turn: number): Buffer {
  const parts = [int16(0), int32(topics.length)];
  for (const topic of topics) parts.push(...text(topic));
  parts.push(...json({ held: Object.fromEntries(held), turn }));
  return Buffer.concat(parts);
}

export function decodeSubscription(bytes: Uint8Array | null): Subscription {
  if (bytes === null || bytes.length < 6) return { topics: [], held: new Map() };
  const cursor = new Cursor(bytes);
  cursor.int16();
  const topics = cursor.list(() => cursor.text());
  return { topics, held: partitionsWithin(cursor.json(), 'held') };
}

export function encodeShare({ partitions, surplus }: Share): Buffer {
  const parts = [int16(0), int32(partitions.size)];
  for (const [topic, indexes] of partitions) {
    parts.push(...text(topic), int32(indexes.length), ...indexes.map(int32));
  }
  parts.push(...json({ surplus: Object.fromEntries(surplus) }));
  return Buffer.concat(parts);
}

/** Nothing at all means nothing assigned. */
export function decodeShare(bytes: Uint8Array | null): Share {
  const partitions = new Map<string, number[]>();
  if (bytes === null || bytes.length < 6) return { partitions, surplus: new Map() };
  const cursor = new Cursor(bytes);
  cursor.int16();
  cursor.list(() =>
    partitions.set(
      cursor.text(),
      cursor.list(() => cursor.int32()),
    ),
  );
  return { partitions, surplus: partitionsWithin(cursor.json(), 'surplus') };
}

/** Deals out all partitions: what is held stays, the rest goes to whoever has least. */
export function assign(
  members: ReadonlyMap<string, Subscription>,
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, Share> {
  const shares = new Map<string, Share>();
  const ids = [...members.keys()].sort();
  for (const id of ids) shares.set(id, { partitions: new Map(), surplus: new Map() });
  const sizes = new Map(ids.map((id) => [id, 0]));
  for (const topic of [...partitionCounts.keys()].sort()) {
    const count = partitionCounts.get(topic)!;
    const readers = ids.filter((id) => members.get(id)!.topics.includes(topic));
    if (readers.length === 0) continue;
    const fair = Math.ceil(count / readers.length);
    const owners = new Map<number, string>();
    for (const id of readers) {
      for (const partition of members.get(id)!.held.get(topic) ?? []) {
        if (partition < count && !owners.has(partition)) owners.set(partition, id);
      }
    }
    const own = (id: string): number => [...owners.values()].filter((owner) => owner === id).length;
    for (let partition = 0; partition < count; partition += 1) {
      if (owners.has(partition)) continue;
      const least = readers.reduce((best, id) => {
        const difference = own(id) - own(best) || sizes.get(id)! - sizes.get(best)!;
        return difference < 0 ? id : best;
      });
      owners.set(partition, least);
    }
    for (const [partition, id] of [...owners].sort(([a], [b]) => a - b)) {
      const { partitions, surplus } = shares.get(id)!;
      const mine = partitions.get(topic) ?? [];
      partitions.set(topic, [...mine, partition]);
      sizes.set(id, sizes.get(id)! + 1);
      if (mine.length >= fair) surplus.set(topic, [...(surplus.get(topic) ?? []), partition]);
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

function json(value: unknown): Buffer[] {
  const bytes = Buffer.from(JSON.stringify(value));
  return [int32(bytes.length), bytes];
}

/** Others' user data may be anything. */
function partitionsWithin(data: unknown, name: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const topics = (data as Record<string, unknown> | null)?.[name];
  if (typeof topics !== 'object' || topics === null) return found;
  for (const [topic, partitions] of Object.entries(topics)) {
    if (!Array.isArray(partitions)) continue;
    found.set(
      topic,
      partitions.filter((partition) => Number.isInteger(partition) && partition >= 0),
    );
  }
  return found;
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

  json(): unknown {
    if (this.#at + 4 > this.#bytes.length) return undefined;
    const length = this.int32();
    try {
      return JSON.parse(this.#bytes.toString('utf8', this.#at, this.#at + length));
    } catch {
      return undefined;
    }
  }
}
