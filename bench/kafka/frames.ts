/**
 * Requests as bytes, built once before a run and sent many times.
 *
 * Written from the protocol guide and independent of the broker's own codec, so that the benchmark
 * measures any Kafka and shares no mistake with ours. All versions here are the classic (not flexible)
 * encodings that every broker since Kafka 2.3 takes:
 *
 *   u32 size | i16 api key | i16 version | i32 correlation id | string client id | body
 */
import { crc32c } from '../../packages/polymq/src/lib/crc32c.ts';

export const API = {
  produce: { key: 0, version: 7 },
  fetch: { key: 1, version: 11 },
  listOffsets: { key: 2, version: 1 },
  apiVersions: { key: 18, version: 0 },
  createTopics: { key: 19, version: 4 },
  deleteTopics: { key: 20, version: 3 },
} as const;

type Api = (typeof API)[keyof typeof API];

/** A growing buffer with the primitives of the protocol. */
class Writer {
  #buffer = Buffer.allocUnsafe(1024);
  #end = 0;

  i8(value: number): this {
    this.#end = this.#room(1).writeInt8(value, this.#end);
    return this;
  }

  i16(value: number): this {
    this.#end = this.#room(2).writeInt16BE(value, this.#end);
    return this;
  }

  i32(value: number): this {
    this.#end = this.#room(4).writeInt32BE(value, this.#end);
    return this;
  }

  i64(value: number): this {
    this.#end = this.#room(8).writeBigInt64BE(BigInt(value), this.#end);
    return this;
  }

  /** Zigzag variable-length integer, as inside records. */
  varint(value: number): this {
    this.#room(5);
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.#buffer[this.#end++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#end++] = rest;
    return this;
  }

  string(value: string): this {
    return this.i16(Buffer.byteLength(value)).raw(Buffer.from(value));
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  done(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#end));
  }

  #room(bytes: number): Buffer {
    if (this.#end + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + bytes));
      this.#buffer.copy(larger, 0, 0, this.#end);
      this.#buffer = larger;
    }
    return this.#buffer;
  }
}

function request(api: Api, body: Writer): Buffer {
  const head = new Writer().i16(api.key).i16(api.version).i32(0).string('polymq-bench').done();
  const bytes = body.done();
  return new Writer()
    .i32(head.length + bytes.length)
    .raw(head)
    .raw(bytes)
    .done();
}

export interface BatchShape {
  recordBytes: number;
  recordCount: number;
}

/** The most records of that size in a batch of at most `batchBytes`; at least one. */
export function recordsPerBatch(recordBytes: number, batchBytes: number): number {
  let count = Math.max(1, Math.floor((batchBytes - 61) / recordBytes));
  while (count > 1 && recordBatch({ recordBytes, recordCount: count }).length > batchBytes)
    count -= 1;
  return count;
}

/** A version 2 record batch without compression. `fill` may write into each record's value. */
export function recordBatch(
  shape: BatchShape,
  fill?: (value: Buffer, index: number) => void,
): Buffer {
  const { recordBytes, recordCount } = shape;
  const now = Date.now();
  const records = new Writer();
  const value = Buffer.alloc(recordBytes, 'x');
  for (let i = 0; i < recordCount; i += 1) {
    fill?.(value, i);
    const record = new Writer().i8(0).varint(0).varint(i).varint(-1).varint(recordBytes);
    record.raw(value).varint(0);
    const bytes = record.done();
    records.varint(bytes.length).raw(bytes);
  }
  const checked = new Writer()
    .i16(0)
    .i32(recordCount - 1)
    .i64(now)
    .i64(now)
    .i64(-1)
    .i16(-1)
    .i32(-1)
    .i32(recordCount)
    .raw(records.done())
    .done();
  const crc = crc32c(checked) | 0;
  return new Writer()
    .i64(0)
    .i32(checked.length + 9)
    .i32(-1)
    .i8(2)
    .i32(crc)
    .raw(checked)
    .done();
}

/** One produce request with the same batch for each of the partitions. */
export function produceRequest(
  topic: string,
  partitions: readonly number[],
  batch: Buffer,
  acks = -1,
): Buffer {
  const body = new Writer().i16(-1).i16(acks).i32(30_000).i32(1).string(topic);
  body.i32(partitions.length);
  for (const partition of partitions) body.i32(partition).i32(batch.length).raw(batch);
  return request(API.produce, body);
}

/** Where the error code of the first partition stands in a produce response; the next is 30 on. */
export function produceErrorAt(topic: string): number {
  return 4 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4;
}
export const PRODUCE_PARTITION_BYTES = 30;

export interface FetchShape {
  topic: string;
  partition: number;
  offset: number;
  bytesMax: number;
  bytesMin?: number;
  waitMs?: number;
}

export function fetchRequest(shape: FetchShape): Buffer {
  const { topic, partition, offset, bytesMax, bytesMin = 1, waitMs = 500 } = shape;
  const body = new Writer().i32(-1).i32(waitMs).i32(bytesMin).i32(bytesMax).i8(0).i32(0).i32(-1);
  body.i32(1).string(topic).i32(1);
  body.i32(partition).i32(-1).i64(offset).i64(-1).i32(bytesMax);
  return request(API.fetch, body.i32(0).string(''));
}

/** Where the fetch offset stands in `fetchRequest`'s bytes, to be patched in place. */
export function fetchOffsetAt(frame: Buffer): number {
  return frame.length - (8 + 8 + 4) - 4 - 2;
}

/** Positions in a fetch response for one partition that has no aborted transactions. */
export function fetchLayout(topic: string): {
  errorAt: number;
  sizeAt: number;
  recordsAt: number;
} {
  const partitionAt = 4 + 4 + 2 + 4 + 4 + 2 + Buffer.byteLength(topic) + 4;
  const sizeAt = partitionAt + 4 + 2 + 8 + 8 + 8 + 4 + 4;
  return { errorAt: partitionAt + 4, sizeAt, recordsAt: sizeAt + 4 };
}

export function apiVersionsRequest(): Buffer {
  return request(API.apiVersions, new Writer());
}

export function createTopicRequest(topic: string, partitions: number): Buffer {
  const body = new Writer().i32(1).string(topic).i32(partitions).i16(1).i32(0).i32(0);
  return request(API.createTopics, body.i32(30_000).i8(0));
}

export function deleteTopicRequest(topic: string): Buffer {
  return request(API.deleteTopics, new Writer().i32(1).string(topic).i32(30_000));
}

/** Asks for the end offset of partitions `[0, count)`. */
export function endOffsetsRequest(topic: string, count: number): Buffer {
  const body = new Writer().i32(-1).i32(1).string(topic).i32(count);
  for (let i = 0; i < count; i += 1) body.i32(i).i64(-1);
  return request(API.listOffsets, body);
}
