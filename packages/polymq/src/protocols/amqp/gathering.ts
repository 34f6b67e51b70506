/**
 * A message whose frames come one by one: a large or empty body, or frames that the network has cut. What has arrived
 * is copied out of the reader's memory; the size was checked when the content header claimed it.
 */
import { release } from '../../lib/arena.ts';
import { AmqpError } from './errors.ts';
import type { AmqpServer } from './server.ts';

export class Gathering {
  /** Exchange and routing key, each behind its length. */
  readonly names: Buffer;
  readonly keyAt: number;
  /** Mandatory and immediate. */
  readonly bits: number;
  readonly pieces: Buffer[] = [];
  bodyBytes = 0;
  #header: Buffer | undefined;
  #received = 0;
  #server: AmqpServer | undefined;

  constructor(buffer: Buffer, namesStart: number, namesEnd: number, bits: number) {
    this.names = Buffer.from(buffer.subarray(namesStart, namesEnd));
    this.keyAt = 1 + this.names[0]!;
    this.bits = bits;
  }

  get hasHeader(): boolean {
    return this.#header !== undefined;
  }

  /** The content header, once it has come. */
  get header(): Buffer {
    return this.#header!;
  }

  get complete(): boolean {
    return this.#header !== undefined && this.#received === this.bodyBytes;
  }

  setHeader(buffer: Buffer, start: number, end: number, server: AmqpServer): void {
    server.scanHeader(buffer, start, end);
    const bodyBytes = server.scan.bodyBytes;
    const { messageBytesMax } = server.options;
    if (bodyBytes > messageBytesMax) {
      throw new AmqpError(
        'preconditionFailed',
        `message size ${bodyBytes} is larger than configured max size ${messageBytesMax}`,
      );
    }
    this.#header = Buffer.from(buffer.subarray(start, end));
    this.bodyBytes = bodyBytes;
    this.#server = server;
  }

  addBody(buffer: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.#received + bytes > this.bodyBytes) {
      throw new AmqpError(
        'frameError',
        `a body is longer than the ${this.bodyBytes} bytes that its header claims`,
      );
    }
    this.#server!.gatheredBytes.charge(bytes);
    this.#received += bytes;
    this.pieces.push(this.#server!.gathered.copy(buffer, start, end));
  }

  /** The pieces are not needed any more: their memory is used again. */
  release(): void {
    this.#server?.gatheredBytes.release(this.#received);
    this.#received = 0;
    for (const piece of this.pieces) release(piece);
    this.pieces.length = 0;
  }
}
