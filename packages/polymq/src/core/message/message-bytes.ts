/**
 * How a message lies in memory and in journals. Written once when it is published, never changed.
 *
 *   size  field
 *   1     format            who wrote `properties` (`message-format.ts`)
 *   1     flags             bit 0 history, bit 1 persistent
 *   8     published         ms since the epoch, a big-endian double
 *   1+n   exchange          UTF-8; what the message was published to
 *   1+n   routing key       UTF-8
 *   4+n   history           only with flag bit 0: JSON (`history.ts`)
 *   4+n   properties        opaque to the core
 *   …     body              the rest
 *
 * Exchange and routing key stand side by side, each behind its length, and so do properties and body: protocols that
 * lay them out the same way copy each pair at once.
 */
export const MESSAGE_AT = { format: 0, flags: 1, published: 2, exchange: 10 } as const;

export const MESSAGE_FLAG = { history: 1, persistent: 2 } as const;

/** Longest exchange name and routing key, in bytes. */
export const NAME_BYTES_MAX = 255;

/**
 * Where the parts of a message are. One object is pointed at one message after another, so that delivering
 * allocates nothing; it is valid until the next message is looked at.
 */
export class MessageView {
  buffer: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  /** The length byte of the exchange; the routing key's length byte; the end of both. */
  exchangeAt = 0;
  routingKeyAt = 0;
  namesEnd = 0;
  historyStart = 0;
  historyEnd = 0;
  propertiesStart = 0;
  bodyStart = 0;

  /** The message whose bytes are `buffer[start, end)`. */
  point(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    const exchangeAt = start + MESSAGE_AT.exchange;
    const routingKeyAt = exchangeAt + 1 + buffer[exchangeAt]!;
    let at = routingKeyAt + 1 + buffer[routingKeyAt]!;
    this.exchangeAt = exchangeAt;
    this.routingKeyAt = routingKeyAt;
    this.namesEnd = at;
    if ((buffer[start + MESSAGE_AT.flags]! & MESSAGE_FLAG.history) !== 0) {
      this.historyStart = at + 4;
      at = this.historyStart + readUint32(buffer, at);
      this.historyEnd = at;
    } else {
      this.historyStart = at;
      this.historyEnd = at;
    }
    this.propertiesStart = at + 4;
    this.bodyStart = this.propertiesStart + readUint32(buffer, at);
  }

  get format(): number {
    return this.buffer[this.start + MESSAGE_AT.format]!;
  }

  get persistent(): boolean {
    return (this.buffer[this.start + MESSAGE_AT.flags]! & MESSAGE_FLAG.persistent) !== 0;
  }

  get hasHistory(): boolean {
    return this.historyEnd > this.historyStart;
  }

  get publishedMs(): number {
    return this.buffer.readDoubleBE(this.start + MESSAGE_AT.published);
  }

  get exchange(): string {
    return this.buffer.toString('utf8', this.exchangeAt + 1, this.routingKeyAt);
  }

  get routingKey(): string {
    return this.buffer.toString('utf8', this.routingKeyAt + 1, this.namesEnd);
  }

  /** A view into the message's memory: copy what is to be kept. */
  get properties(): Buffer {
    return this.buffer.subarray(this.propertiesStart, this.bodyStart);
  }

  /** A view into the message's memory: copy what is to be kept. */
  get body(): Buffer {
    return this.buffer.subarray(this.bodyStart, this.end);
  }

  get bodyBytes(): number {
    return this.end - this.bodyStart;
  }

  get historyJson(): string {
    return this.buffer.toString('utf8', this.historyStart, this.historyEnd);
  }
}

/** Exchange and routing key as they stand in a message, each behind its length. */
export function shortNames(exchange: string, routingKey: string): Buffer {
  const first = Buffer.from(exchange, 'utf8');
  const second = Buffer.from(routingKey, 'utf8');
  return Buffer.concat([Buffer.of(first.length), first, Buffer.of(second.length), second]);
}

/** The size of the body of the message whose bytes are `buffer[start, end)`. */
export function bodyBytesAt(buffer: Buffer, start: number, end: number): number {
  let at = start + MESSAGE_AT.exchange;
  at += 1 + buffer[at]!;
  at += 1 + buffer[at]!;
  if ((buffer[start + MESSAGE_AT.flags]! & MESSAGE_FLAG.history) !== 0) {
    at += 4 + readUint32(buffer, at);
  }
  return end - at - 4 - readUint32(buffer, at);
}

function readUint32(buffer: Buffer, at: number): number {
  return (
    buffer[at]! * 0x1000000 + ((buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!)
  );
}
