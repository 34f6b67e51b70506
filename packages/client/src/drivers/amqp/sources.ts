/** Where the records of a topic come from: a stream, or a queue that lives as long as its reader. */
import type { Position } from '../../driver/driver.ts';
import type { Clock } from '../../lib/clock.ts';
import type { TopicRecord } from '../../message/wire-message.ts';
import type { AmqpChannel, AmqpMessage } from './library.ts';
import { streamQueue } from './names.ts';
import { ReceivedRecord, type RecordSource } from './topic-reader.ts';

/** Messages that wait for a reader of a live topic who is slow; older ones are dropped beyond that. */
const LIVE_MESSAGES_MAX = 100_000;

type Arrive = (message: AmqpMessage | null) => void;

/** An exclusive queue bound to the topic's exchange: it goes with its connection. */
export class LiveSource implements RecordSource {
  readonly what: string;
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
    this.what = `reading live topic "${topic}"`;
  }

  async attach(channel: AmqpChannel, arrive: Arrive): Promise<void> {
    const { queue } = await channel.assertQueue('', {
      durable: false,
      exclusive: true,
      autoDelete: true,
      arguments: { 'x-max-length': LIVE_MESSAGES_MAX },
    });
    await channel.bindQueue(queue, this.#topic, '');
    await channel.consume(queue, arrive, { exclusive: true });
  }

  record(message: AmqpMessage, nowMs: number): TopicRecord {
    return new ReceivedRecord(message, nowMs);
  }
}

/** A stream queue, read from a position at first and from behind the last record on later channels. */
export class StreamSource implements RecordSource {
  readonly what: string;
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #from: Position;
  #next: number | undefined = undefined;
  /** Whoever wants what is new, and has seen nothing when the connection breaks, wants what came since then. */
  #sinceMs: number | undefined = undefined;
  #again = false;

  constructor(topic: string, from: Position, clock: Clock) {
    this.#topic = topic;
    this.#from = from;
    this.#clock = clock;
    this.what = `reading topic "${topic}"`;
    if (from.at === 'offsets') {
      this.#next = typeof from.offsets === 'number' ? from.offsets : (from.offsets.get(0) ?? 0);
    }
  }

  async attach(channel: AmqpChannel, arrive: Arrive): Promise<void> {
    this.#again = this.#sinceMs !== undefined;
    const args = { 'x-stream-offset': this.#start() };
    const beganMs = this.#clock.nowMs();
    await channel.consume(streamQueue(this.#topic), arrive, { arguments: args });
    if (this.#from.at === 'new') this.#sinceMs = beganMs;
  }

  /** The server begins with the chunk that holds the position, so what stands before it is passed over here. */
  record(message: AmqpMessage, nowMs: number): TopicRecord | undefined {
    const record = new ReceivedRecord(message, nowMs);
    if (this.#next !== undefined && record.offset < this.#next) return undefined;
    if (this.#next === undefined && this.#isBefore(record)) return undefined;
    this.#next = record.offset + 1;
    return record;
  }

  #isBefore({ timestampMs }: TopicRecord): boolean {
    if (this.#from.at === 'time') return timestampMs < this.#from.timeMs;
    return this.#again && timestampMs < (this.#sinceMs ?? 0);
  }

  #start(): unknown {
    if (this.#next !== undefined) return this.#next;
    switch (this.#from.at) {
      case 'new':
        return this.#sinceMs === undefined ? 'next' : secondsOf(this.#sinceMs);
      case 'time':
        return secondsOf(this.#from.timeMs);
      default:
        return 'first';
    }
  }
}

function secondsOf(timeMs: number): unknown {
  return { '!': 'timestamp', value: Math.floor(timeMs / 1000) };
}
