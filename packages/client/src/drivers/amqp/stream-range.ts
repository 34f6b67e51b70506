/** Looks at the ends of a stream. RabbitMQ does not say how much a stream holds, so a reader is sent there. */
import type { Position } from '../../driver/driver.ts';
import { amqpError } from './errors.ts';
import type { AmqpMessage } from './library.ts';
import type { Link } from './link.ts';
import { streamQueue } from './names.ts';
import { closeQuietly } from './topic-reader.ts';
import { Waiting } from './waiting.ts';

/** A stream that says nothing for so long is empty there. */
const EMPTY_MS = 500;
/** More than a chunk of the stream has: the last one comes as a whole. */
const CHUNK_MAX = 20_000;

export interface StreamRange {
  /** The offset of the first record kept. */
  readonly first: number;
  /** The offset of the next record to come. */
  readonly end: number;
}

export async function streamRange(link: Link, topic: string): Promise<StreamRange> {
  const end = await streamEnd(link, topic);
  if (end === 0) return { first: 0, end };
  const [first] = await offsets(link, topic, { start: 'first', prefetch: 1, wanted: () => true });
  return { first: first ?? 0, end };
}

export async function streamEnd(link: Link, topic: string): Promise<number> {
  const wanted = (): boolean => true;
  const found = await offsets(link, topic, { start: 'last', prefetch: CHUNK_MAX, wanted });
  return (found.at(-1) ?? -1) + 1;
}

/** Where reading from there begins. */
export async function offsetOfPosition(
  link: Link,
  topic: string,
  position: Position,
): Promise<number> {
  switch (position.at) {
    case 'start':
      return 0;
    case 'offsets':
      return typeof position.offsets === 'number'
        ? position.offsets
        : (position.offsets.get(0) ?? 0);
    case 'new':
      return streamEnd(link, topic);
    case 'time':
      return offsetSince(link, topic, position.timeMs);
  }
}

/** The offset of the first record that was sent at that time or later; the end if there is none. */
async function offsetSince(link: Link, topic: string, timeMs: number): Promise<number> {
  const end = await streamEnd(link, topic);
  const start = { '!': 'timestamp', value: Math.floor(timeMs / 1000) };
  const wanted = (message: AmqpMessage): boolean =>
    sentMs(message) >= timeMs || offsetOf(message) >= end - 1;
  const found = await offsets(link, topic, { start, prefetch: 100, wanted });
  return found[0] ?? end;
}

/** The offsets of the first record that is wanted, and of what came with it. */
async function offsets(
  link: Link,
  topic: string,
  look: { start: unknown; prefetch: number; wanted: (message: AmqpMessage) => boolean },
): Promise<number[]> {
  const what = `looking into topic "${topic}"`;
  const channel = await link.channel(what);
  const found: number[] = [];
  const waiting = new Waiting(link.context.clock, EMPTY_MS, undefined);
  try {
    await channel.prefetch(look.prefetch, false);
    const arrive = (message: AmqpMessage | null): void => {
      if (message === null) {
        waiting.end();
        return;
      }
      if (found.length > 0 || look.wanted(message)) found.push(offsetOf(message));
      else channel.ack(message);
      if (found.length > 0) waiting.end();
    };
    const args = { 'x-stream-offset': look.start };
    const queue = streamQueue(topic);
    const { consumerTag } = await channel.consume(queue, arrive, { arguments: args });
    await waiting.over;
    // What the server had there has been written before it confirms the end.
    await channel.cancel(consumerTag);
    return found;
  } catch (error) {
    throw amqpError(error, what);
  } finally {
    await closeQuietly(channel);
  }
}

function offsetOf({ properties }: AmqpMessage): number {
  return Number(properties.headers?.['x-stream-offset'] ?? -1);
}

function sentMs({ properties }: AmqpMessage): number {
  const ms = properties.headers?.['polymq-ms'];
  return (properties.timestamp ?? 0) * 1000 + (typeof ms === 'number' ? ms : 0);
}
