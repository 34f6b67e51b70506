/**
 * Kafka requests written by hand over a bare socket, for what no decent client sends.
 *
 *   frame     size i32 | api key i16 | version i16 | correlation id i32 | client id string | body
 *   response  size i32 | correlation id i32 | body
 *
 * Only versions before the flexible ones (no compact strings, no tagged fields).
 */
import { connect, type Socket } from 'node:net';
import { crc32c } from '../../src/lib/crc32c.ts';

export class RawKafka {
  readonly #socket: Socket;
  readonly #closed: Promise<'closed'>;
  readonly #waiters: ((frame: Buffer) => void)[] = [];
  #received: Buffer = Buffer.alloc(0);
  #correlationId = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#onData(chunk));
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve('closed')));
  }

  static connect(host: string, port: number): Promise<RawKafka> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawKafka(socket)));
    });
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** The body of the response, without size and correlation id; `closed` if the peer hung up instead. */
  request(apiKey: number, version: number, body: Buffer): Promise<Buffer | 'closed'> {
    this.#correlationId += 1;
    this.send(frame(apiKey, version, this.#correlationId, body));
    return this.response();
  }

  response(): Promise<Buffer | 'closed'> {
    const answer = new Promise<Buffer>((resolve) => this.#waiters.push(resolve));
    return Promise.race([answer, this.#closed]);
  }

  /** Resolves when the peer closed the connection. */
  closed(): Promise<'closed'> {
    return this.#closed;
  }

  end(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      this.#waiters.shift()?.(this.#received.subarray(8, end));
      this.#received = this.#received.subarray(end);
    }
  }
}

export function frame(
  apiKey: number,
  version: number,
  correlationId: number,
  body: Buffer,
): Buffer {
  const header = Buffer.concat([i16(apiKey), i16(version), i32(correlationId), string('raw')]);
  return Buffer.concat([i32(header.length + body.length), header, body]);
}

/** The body of Produce 3 to 8 for one batch. */
export function produceBody(topic: string, batch: Buffer, acks = -1): Buffer {
  return Buffer.concat([
    ...[i16(-1), i16(acks), i32(5000), i32(1), string(topic)],
    ...[i32(1), i32(0), i32(batch.length), batch],
  ]);
}

/** The error code in the response to `produceBody`. */
export function produceError(topic: string, response: Buffer | 'closed'): number | 'closed' {
  if (response === 'closed') return response;
  return response.readInt16BE(4 + 2 + Buffer.byteLength(topic) + 4 + 4);
}

export interface BatchParts {
  /** Codec in the lowest three bits. */
  attributes?: number;
  recordCount?: number;
  /** Everything behind the header. */
  records: Buffer;
}

/** A record batch of format 2 with the right length and CRC. */
export function batch({ attributes = 0, recordCount = 1, records }: BatchParts): Buffer {
  const now = i64(BigInt(Date.now()));
  const checked = Buffer.concat([
    ...[i16(attributes), i32(recordCount - 1), now, now],
    ...[i64(-1n), i16(-1), i32(-1), i32(recordCount), records],
  ]);
  const length = i32(4 + 1 + 4 + checked.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32c(checked) >>> 0);
  return Buffer.concat([i64(0n), length, i32(0), Buffer.from([2]), crc, checked]);
}

/** One record without a key. `claimed` says that the value is longer than what is there. */
export function record(value: Buffer, claimed: number = value.length): Buffer {
  const head = Buffer.concat([Buffer.from([0]), varint(0), varint(0), varint(-1), varint(claimed)]);
  const tail = varint(0);
  const missing = claimed - value.length;
  const length = varint(head.length + claimed + tail.length);
  return Buffer.concat([length, head, value, ...(missing > 0 ? [] : [tail])]);
}

export function i16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

export function i32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

export function i64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

export function string(value: string): Buffer {
  return Buffer.concat([i16(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** Zigzag, as record fields are written. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}
