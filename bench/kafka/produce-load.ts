/**
 * Produces as fast as the broker acknowledges: a fixed number of requests in flight on each connection.
 *
 * All requests of a connection lie one after another in one buffer (the tile). A write sends the next few
 * of them as one slice, so the generator touches no byte per request: the broker is the bottleneck.
 *
 *   tile   [request p0][request p1] … [request pN]   repeated until it is at least TILE_BYTES long
 *              └ next                                 wraps around
 */
import { openLoad } from './admin.ts';
import type { Connection } from './connection.ts';
import { PRODUCE_PARTITION_BYTES, produceErrorAt, produceRequest, recordBatch } from './frames.ts';
import { Counters, type Load } from './measure.ts';
import type { Target } from './targets.ts';

export interface ProduceShape {
  topic: string;
  partitions: number;
  /** How many partitions one request carries a batch for. */
  partitionsPerRequest: number;
  recordBytes: number;
  recordsPerBatch: number;
  connections: number;
  /** Requests in flight on each connection. */
  inFlight: number;
  acks?: number;
  /** Ends the load after about this many bytes of batches. */
  bytesMax?: number;
}

const TILE_BYTES = 1 << 20;

/** The size of one batch in bytes, as `MB/s` counts it. */
export function batchBytesOf(shape: ProduceShape): number {
  return recordBatch({ recordBytes: shape.recordBytes, recordCount: shape.recordsPerBatch }).length;
}

export async function openProduceLoad(target: Target, shape: ProduceShape): Promise<Load> {
  const headBytes = produceErrorAt(shape.topic) + shape.partitionsPerRequest * 30 + 64;
  const shared = new ProduceLoad(shape);
  const opened = Array.from({ length: shape.connections }, () => openLoad(target, headBytes));
  for (const [i, connection] of (await Promise.all(opened)).entries()) shared.add(connection, i);
  return shared;
}

class ProduceLoad implements Load {
  readonly counters = new Counters();
  readonly ended: Promise<void>;
  readonly shape: ProduceShape;
  readonly batch: Buffer;
  readonly #senders: Sender[] = [];
  #end!: () => void;
  #fail!: (error: Error) => void;
  #idle: (() => void) | undefined;
  stopped = false;
  inFlight = 0;
  bytesLeft: number;

  constructor(shape: ProduceShape) {
    this.shape = shape;
    this.batch = recordBatch({
      recordBytes: shape.recordBytes,
      recordCount: shape.recordsPerBatch,
    });
    this.bytesLeft = shape.bytesMax ?? Number.POSITIVE_INFINITY;
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    this.ended.catch(() => {});
  }

  add(connection: Connection, index: number): void {
    connection.onFailure = (error) => this.fail(error);
    this.#senders.push(new Sender(this, connection, makeTile(this.shape, this.batch, index)));
  }

  start(): void {
    for (const sender of this.#senders) sender.pump();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const drained = new Promise<void>((resolve) => {
      this.#idle = resolve;
      this.settle();
    });
    await Promise.race([drained, this.ended.then(() => drained)]);
    for (const sender of this.#senders) sender.connection.close();
  }

  fail(error: Error): void {
    if (!this.stopped) this.#fail(error);
    this.stopped = true;
    this.inFlight = 0;
    this.#idle?.();
  }

  settle(): void {
    if (this.bytesLeft <= 0) {
      this.stopped = true;
      if (this.inFlight === 0) this.#end();
    }
    if (this.stopped && this.inFlight === 0) this.#idle?.();
  }
}

interface Tile {
  bytes: Buffer;
  requestBytes: number;
  requests: number;
}

/** Each connection starts at another partition, so that they do not move in step. */
function makeTile(shape: ProduceShape, batch: Buffer, connection: number): Tile {
  const { topic, partitions, partitionsPerRequest } = shape;
  const requests: Buffer[] = [];
  const rounds = Math.ceil(partitions / partitionsPerRequest);
  const shift = Math.floor((connection * partitions) / shape.connections);
  for (let i = 0; i < rounds; i += 1) {
    const chosen = Array.from(
      { length: Math.min(partitionsPerRequest, partitions) },
      (_, k) => (shift + i * partitionsPerRequest + k) % partitions,
    );
    requests.push(produceRequest(topic, chosen, batch, shape.acks));
  }
  const round = Buffer.concat(requests);
  const repeat = Math.max(1, Math.ceil(TILE_BYTES / round.length));
  return {
    bytes: Buffer.concat(new Array<Buffer>(repeat).fill(round)),
    requestBytes: requests[0]!.length,
    requests: rounds * repeat,
  };
}

class Sender {
  readonly connection: Connection;
  readonly #load: ProduceLoad;
  readonly #tile: Tile;
  readonly #sentAt: Float64Array;
  readonly #errorAt: number;
  readonly #perRequest: number;
  #next = 0;
  #inFlight = 0;
  #sent = 0;
  #done = 0;
  #now = 0;

  constructor(load: ProduceLoad, connection: Connection, tile: Tile) {
    this.#load = load;
    this.connection = connection;
    this.#tile = tile;
    this.#sentAt = new Float64Array(load.shape.inFlight);
    this.#errorAt = produceErrorAt(load.shape.topic);
    this.#perRequest = Math.min(load.shape.partitionsPerRequest, load.shape.partitions);
    connection.handler = {
      onResponse: (_size, head) => this.#onResponse(head),
      onBurst: () => this.#onBurst(),
    };
  }

  /** Fills the window: as many requests as may be sent go out in as few writes as possible. */
  pump(): void {
    const { inFlight } = this.#load.shape;
    const { bytes, requestBytes, requests } = this.#tile;
    const now = performance.now();
    while (!this.#load.stopped && this.#inFlight < inFlight) {
      const count = Math.min(inFlight - this.#inFlight, requests - this.#next);
      const from = this.#next * requestBytes;
      this.connection.socket.write(bytes.subarray(from, from + count * requestBytes));
      for (let i = 0; i < count; i += 1) this.#sentAt[this.#sent++ % inFlight] = now;
      this.#next = (this.#next + count) % requests;
      this.#inFlight += count;
      this.#load.inFlight += count;
      this.#load.bytesLeft -= count * this.#perRequest * this.#load.batch.length;
      if (this.#load.bytesLeft <= 0) this.#load.settle();
    }
  }

  #onResponse(head: Buffer): void {
    const { counters, shape, batch } = this.#load;
    for (
      let i = 0, at = this.#errorAt;
      i < this.#perRequest;
      i += 1, at += PRODUCE_PARTITION_BYTES
    ) {
      const error = head.readInt16BE(at);
      if (error !== 0) this.#load.fail(new Error(`produce answered error ${error}`));
    }
    if (this.#now === 0) this.#now = performance.now();
    counters.latencies.add(this.#now - this.#sentAt[this.#done++ % shape.inFlight]!);
    counters.batches += this.#perRequest;
    counters.records += this.#perRequest * shape.recordsPerBatch;
    counters.bytes += this.#perRequest * batch.length;
    this.#inFlight -= 1;
    this.#load.inFlight -= 1;
  }

  #onBurst(): void {
    this.#now = 0;
    this.pump();
    this.#load.settle();
  }
}
