/**
 * Fetches as fast as the broker sends.
 *
 * The log was filled with equal batches, and each request asks for exactly so many bytes as `batchesPerFetch`
 * of them have: so the answer to every request is known in advance, requests can be sent ahead of
 * answers, and each answer can be checked (error, size, first offset) without being read. An answer may hold
 * fewer batches, as Apache Kafka's do at the end of a segment; the missing ones are then left out.
 * Every connection walks through the whole log in circles, each from a place of its own.
 */
import { openLoad } from './admin.ts';
import type { Connection } from './connection.ts';
import { fetchLayout, fetchOffsetAt, fetchRequest } from './frames.ts';
import { Counters, type Load } from './measure.ts';
import type { Target } from './targets.ts';

export interface FetchLoadShape {
  topic: string;
  partition: number;
  /** The range of offsets that is read, a multiple of the batches per fetch. */
  startOffset: number;
  endOffset: number;
  batchBytes: number;
  recordsPerBatch: number;
  batchesPerFetch: number;
  connections: number;
  /** Requests in flight on each connection. */
  inFlight: number;
}

export async function openFetchLoad(target: Target, shape: FetchLoadShape): Promise<Load> {
  const load = new FetchLoad(shape);
  const headBytes = fetchLayout(shape.topic).recordsAt + 8;
  const opened = Array.from({ length: shape.connections }, () => openLoad(target, headBytes));
  for (const [i, connection] of (await Promise.all(opened)).entries()) load.add(connection, i);
  return load;
}

class FetchLoad implements Load {
  readonly counters = new Counters();
  readonly ended: Promise<void>;
  readonly shape: FetchLoadShape;
  readonly #readers: Reader[] = [];
  #fail!: (error: Error) => void;
  #idle: (() => void) | undefined;
  stopped = false;
  inFlight = 0;

  constructor(shape: FetchLoadShape) {
    this.shape = shape;
    this.ended = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.ended.catch(() => {});
  }

  add(connection: Connection, index: number): void {
    connection.onFailure = (error) => this.fail(error);
    this.#readers.push(new Reader(this, connection, index));
  }

  start(): void {
    for (const reader of this.#readers) reader.pump();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const drained = new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.settle();
    });
    await Promise.race([drained, this.ended]);
    for (const reader of this.#readers) reader.connection.close();
  }

  fail(error: Error): void {
    if (!this.stopped) this.#fail(error);
    this.stopped = true;
  }

  settle(): void {
    if (this.stopped && this.inFlight === 0) this.#idle?.();
  }
}

class Reader {
  readonly connection: Connection;
  readonly #load: FetchLoad;
  /** One request per slot in flight: a slot is patched again only after its answer has come. */
  readonly #frames: Buffer[];
  readonly #expected: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #offsetAt: number;
  readonly #layout: ReturnType<typeof fetchLayout>;
  readonly #step: number;
  #nextOffset: number;
  #sent = 0;
  #done = 0;

  constructor(load: FetchLoad, connection: Connection, index: number) {
    const { shape } = load;
    const { topic, partition, batchesPerFetch, batchBytes, inFlight } = shape;
    this.#load = load;
    this.connection = connection;
    this.#frames = Array.from({ length: inFlight }, () =>
      fetchRequest({ topic, partition, offset: 0, bytesMax: batchesPerFetch * batchBytes }),
    );
    this.#offsetAt = fetchOffsetAt(this.#frames[0]!);
    this.#expected = new Float64Array(inFlight);
    this.#sentAt = new Float64Array(inFlight);
    this.#layout = fetchLayout(topic);
    this.#step = batchesPerFetch * shape.recordsPerBatch;
    const steps = Math.floor((shape.endOffset - shape.startOffset) / this.#step);
    this.#nextOffset =
      shape.startOffset + Math.floor((steps * index) / shape.connections) * this.#step;
    connection.handler = {
      onResponse: (size, head) => this.#onResponse(size, head),
      onBurst: () => {
        this.pump();
        load.settle();
      },
    };
  }

  pump(): void {
    const { shape } = this.#load;
    while (!this.#load.stopped && this.#sent - this.#done < shape.inFlight) {
      const slot = this.#sent % shape.inFlight;
      const frame = this.#frames[slot]!;
      frame.writeBigInt64BE(BigInt(this.#nextOffset), this.#offsetAt);
      this.#expected[slot] = this.#nextOffset;
      this.#sentAt[slot] = performance.now();
      this.#nextOffset += this.#step;
      if (this.#nextOffset + this.#step > shape.endOffset) this.#nextOffset = shape.startOffset;
      this.#sent += 1;
      this.#load.inFlight += 1;
      this.connection.socket.write(frame);
    }
  }

  #onResponse(size: number, head: Buffer): void {
    const { shape, counters } = this.#load;
    const slot = this.#done % shape.inFlight;
    const problem = this.#problemOf(size, head, this.#expected[slot]!);
    if (problem) this.#load.fail(new Error(`fetch ${problem}`));
    const bytes = head.readInt32BE(this.#layout.sizeAt);
    const batches = bytes / shape.batchBytes;
    counters.latencies.add(performance.now() - this.#sentAt[slot]!);
    counters.batches += batches;
    counters.records += batches * shape.recordsPerBatch;
    counters.bytes += bytes;
    this.#done += 1;
    this.#load.inFlight -= 1;
  }

  #problemOf(size: number, head: Buffer, offset: number): string | undefined {
    const { errorAt, sizeAt, recordsAt } = this.#layout;
    const { batchBytes, batchesPerFetch } = this.#load.shape;
    if (size < recordsAt + 8) return `answered ${size} bytes only`;
    const error = head.readInt16BE(errorAt);
    if (error !== 0) return `answered error ${error}`;
    const got = head.readInt32BE(sizeAt);
    if (got % batchBytes !== 0 || got > batchesPerFetch * batchBytes) {
      return `at ${offset} answered ${got} bytes of records, not whole batches of ${batchBytes}`;
    }
    const first = Number(head.readBigInt64BE(recordsAt));
    return first === offset ? undefined : `at ${offset} answered a batch at ${first}`;
  }
}
