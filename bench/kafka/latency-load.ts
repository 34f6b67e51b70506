/**
 * From produce to consume at a fixed rate, without coordinated omission.
 *
 * Record `i` is due at `start + i / rate`, whatever the broker does; its number stands in its value, and its
 * latency is counted from the moment it was due. Every millisecond all records that are due go out as one batch:
 * so up to one millisecond of each latency is the generator's own lingering. Producer and
 * consumer share one clock because they share one process. The consumer checks that it sees every
 * record once and in order.
 */
import { openLoad } from './admin.ts';
import type { Connection } from './connection.ts';
import { fetchLayout, fetchOffsetAt, fetchRequest, produceErrorAt } from './frames.ts';
import { LatencyFrames } from './latency-frames.ts';
import { Counters, type Load } from './measure.ts';
import { progress } from './scenario.ts';
import type { Target } from './targets.ts';

export interface LatencyShape {
  topic: string;
  recordsPerSecond: number;
  recordBytes: number;
}

const TICK_MS = 1;
const FETCH_BYTES_MAX = 1 << 20;
/** How long the end of a run waits for records that are still under way. */
const LATE_MS_MAX = 10_000;
/** More records than this in one batch are left for the next one. */
const BATCH_RECORDS_MAX = 500;

export async function openLatencyLoad(target: Target, shape: LatencyShape): Promise<Load> {
  const producer = await openLoad(target, 256);
  const consumer = await openLoad(target, FETCH_BYTES_MAX + 4096);
  return new LatencyLoad(shape, producer, consumer);
}

class LatencyLoad implements Load {
  readonly counters = new Counters();
  readonly ended: Promise<void>;
  readonly #shape: LatencyShape;
  readonly #frames: LatencyFrames;
  readonly #producer: Connection;
  readonly #consumer: Connection;
  readonly #fetch: Buffer;
  #fail!: (error: Error) => void;
  #idle: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startMs = 0;
  #sent = 0;
  #seen = 0;
  #stopped = false;

  constructor(shape: LatencyShape, producer: Connection, consumer: Connection) {
    this.#shape = shape;
    this.#frames = new LatencyFrames(shape.topic, shape.recordBytes);
    this.#producer = producer;
    this.#consumer = consumer;
    const { topic } = shape;
    this.#fetch = fetchRequest({ topic, partition: 0, offset: 0, bytesMax: FETCH_BYTES_MAX });
    this.ended = new Promise((_, reject) => {
      this.#fail = (error) => {
        reject(error);
      };
    });
    this.ended.catch(() => {});
    for (const connection of [producer, consumer]) connection.onFailure = (e) => this.#fail(e);
    const errorAt = produceErrorAt(topic);
    producer.handler = {
      onResponse: (_size, head) => {
        const error = head.readInt16BE(errorAt);
        if (error !== 0) this.#fail(new Error(`produce answered error ${error}`));
      },
      onBurst: () => {},
    };
    consumer.handler = {
      onResponse: (_size, head) => this.#onRecords(head),
      onBurst: () => {},
    };
  }

  start(): void {
    this.#startMs = performance.now();
    this.#sendFetch();
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped = true;
    const drained = new Promise<void>((resolve) => {
      this.#idle = resolve;
      if (this.#seen === this.#sent) resolve();
    });
    await Promise.race([drained, this.ended, pause(LATE_MS_MAX)]);
    if (this.#seen < this.#sent) {
      // A broker that is slower than the rate; the records per second say so too.
      progress(
        `${this.#sent - this.#seen} of ${this.#sent} records had not come when the run ended`,
      );
    }
    this.#producer.close();
    this.#consumer.close();
  }

  #sendDue(): void {
    const due = Math.floor(
      ((performance.now() - this.#startMs) * this.#shape.recordsPerSecond) / 1000,
    );
    while (this.#sent < due) {
      const recordCount = Math.min(due - this.#sent, BATCH_RECORDS_MAX);
      const { socket } = this.#producer;
      const isSent = socket.writableLength === 0;
      socket.write(this.#frames.request(this.#sent, recordCount, isSent));
      this.#sent += recordCount;
    }
  }

  #sendFetch(): void {
    this.#fetch.writeBigInt64BE(BigInt(this.#seen), fetchOffsetAt(this.#fetch));
    this.#consumer.socket.write(this.#fetch);
  }

  #onRecords(head: Buffer): void {
    const { errorAt, sizeAt, recordsAt } = fetchLayout(this.#shape.topic);
    const error = head.readInt16BE(errorAt);
    if (error !== 0) this.#fail(new Error(`fetch answered error ${error}`));
    const now = performance.now();
    const end = recordsAt + head.readInt32BE(sizeAt);
    for (let at = recordsAt; at + 61 <= end; ) {
      const next = at + 12 + head.readInt32BE(at + 8);
      if (next > end) break;
      this.#onBatch(head, at, now);
      at = next;
    }
    if (this.#stopped && this.#seen === this.#sent) this.#idle?.();
    else this.#sendFetch();
  }

  #onBatch(head: Buffer, batchAt: number, now: number): void {
    const count = head.readInt32BE(batchAt + 57);
    const msPerRecord = 1000 / this.#shape.recordsPerSecond;
    let at = batchAt + 61;
    for (let i = 0; i < count; i += 1) {
      const [length, bodyAt] = readVarint(head, at);
      // attributes, time delta, offset delta, key length: of known sizes but for the offset delta
      const [, keyAt] = readVarint(head, bodyAt + 2);
      const [, valueAt] = readVarint(head, keyAt + 1);
      const index = head.readDoubleBE(valueAt);
      if (index !== this.#seen) {
        this.#fail(new Error(`record ${index} came where ${this.#seen} was due`));
      }
      this.#seen += 1;
      this.counters.records += 1;
      this.counters.bytes += this.#shape.recordBytes;
      this.counters.latencies.add(now - (this.#startMs + index * msPerRecord));
      at = bodyAt + length;
    }
    this.counters.batches += 1;
  }
}

function readVarint(buffer: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = buffer[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [(value >>> 1) ^ -(value & 1), at];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
