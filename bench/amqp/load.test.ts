import { describe, expect, it } from 'vitest';
import {
  bodyFrames,
  headerFrame,
  methodFrame,
} from '../../packages/polymq/test/support/amqp-frames.ts';
import type { AmqpChannel, RawReader } from '../../packages/polymq/test/support/amqp-wire.ts';
import { Latencies } from '../lib/statistics.ts';
import { type Acks, Consumer } from './consumer.ts';
import { Publisher, type PublisherOptions } from './publisher.ts';

const BODY = Buffer.from('\0\0\0\0and some letters');

/** A channel whose socket keeps what is written and whose bytes come from the test. */
class FakeChannel {
  readonly number = 1;
  readonly written: Buffer[] = [];
  #reader: RawReader = () => 0;
  readonly wire = {
    socket: {
      writableLength: 0,
      write: (bytes: Buffer) => this.written.push(Buffer.from(bytes)),
    },
    takeOver: (reader: RawReader) => {
      this.#reader = reader;
    },
  };

  asChannel(): AmqpChannel {
    return this as unknown as AmqpChannel;
  }

  /** Feeds bytes in pieces, as sockets do, keeping what the reader has not used. */
  feed(bytes: Buffer, pieceBytes = bytes.length): void {
    let kept = Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      kept = Buffer.concat([kept, bytes.subarray(at, at + pieceBytes)]);
      kept = Buffer.from(kept.subarray(this.#reader(kept, kept.length)));
    }
    expect(kept.length).toBe(0);
  }
}

function delivery(number: number, tag: number, redelivered = false, body = BODY): Buffer {
  const numbered = Buffer.from(body);
  numbered.writeUInt32BE(number);
  return Buffer.concat([
    methodFrame(1, 'basic.deliver', {
      consumerTag: 'c0',
      deliveryTag: tag,
      redelivered,
      exchange: 'e',
      routingKey: 'k',
    }),
    headerFrame(1, numbered.length, { deliveryMode: 2 }),
    ...bodyFrames(1, numbered, 4096),
  ]);
}

function consume(acks: Acks = 'none') {
  const channel = new FakeChannel();
  const failures: string[] = [];
  const seen = { count: 0 };
  const consumer = new Consumer(channel.asChannel(), {
    acks,
    body: BODY,
    queues: 1,
    onDelivered: (count) => {
      seen.count += count;
    },
    onFailure: (error) => failures.push(error.message),
  });
  consumer.takeOver();
  return { channel, failures, seen };
}

describe('the load generator’s consumer', () => {
  it.each([1, 7, 64, 100_000])('counts deliveries that come in pieces of %i bytes', (piece) => {
    const { channel, failures, seen } = consume();
    channel.feed(Buffer.concat([0, 1, 2, 3].map((i) => delivery(i, i + 1))), piece);
    expect(failures).toEqual([]);
    expect(seen.count).toBe(4);
  });

  it('acknowledges each message of a burst in one write', () => {
    const { channel } = consume('each');
    channel.feed(Buffer.concat([delivery(0, 70_000), delivery(1, 70_001)]));
    const acks = [70_000, 70_001].map((deliveryTag) =>
      methodFrame(1, 'basic.ack', { deliveryTag }),
    );
    expect(channel.written).toEqual([Buffer.concat(acks)]);
  });

  it('acknowledges many at once where it should', () => {
    const { channel } = consume(2);
    channel.feed(Buffer.concat([0, 1, 2, 3, 4].map((i) => delivery(i, i + 1))));
    const acks = [2, 4].map((deliveryTag) =>
      methodFrame(1, 'basic.ack', { deliveryTag, multiple: true }),
    );
    expect(channel.written).toEqual([Buffer.concat(acks)]);
  });

  it.each([
    ['a message is left out', [delivery(0, 1), delivery(2, 2)], /message 2 came where 1 was due/],
    ['a message comes twice', [delivery(0, 1), delivery(0, 2)], /message 0 came where 1 was due/],
    ['a message is marked', [delivery(0, 1, true)], /came as redelivered/],
    ['a body is damaged', [delivery(0, 1, false, Buffer.from(BODY).fill(1, 9, 10))], /is not what/],
    ['a body is cut', [delivery(0, 1, false, BODY.subarray(0, 10))], /is not what was published/],
    ['the channel is closed', [methodFrame(1, 'channel.close')], /was sent channel.close/],
  ])('fails when %s', (_, frames, message) => {
    const { channel, failures } = consume();
    channel.feed(Buffer.concat(frames));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(message);
  });
});

function publish(options: Partial<PublisherOptions> = {}) {
  const channel = new FakeChannel();
  const failures: string[] = [];
  const unit = Buffer.from('head\0\0\0\0tail!');
  const publisher = new Publisher(channel.asChannel(), {
    units: [unit],
    bodyAt: 4,
    confirms: true,
    window: 8,
    copies: 1,
    latencies: new Latencies(),
    onFailure: (error) => failures.push(error.message),
    ...options,
  });
  const numbers = () => {
    const all = Buffer.concat(channel.written);
    return Array.from({ length: all.length / unit.length }, (_, i) =>
      all.readUInt32BE(i * unit.length + 4),
    );
  };
  const confirm = (deliveryTag: number, multiple = false) =>
    channel.feed(methodFrame(1, 'basic.ack', { deliveryTag, multiple }));
  return { channel, failures, publisher, numbers, confirm };
}

describe('the load generator’s publisher', () => {
  it('fills its window with numbered messages in one write, and waits', () => {
    const { channel, publisher, numbers } = publish();
    publisher.start();
    publisher.pump();
    expect(channel.written).toHaveLength(1);
    expect(numbers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('goes on as far as confirms allow, also those that come out of turn', () => {
    const { publisher, numbers, confirm } = publish();
    publisher.start();
    confirm(2);
    expect(publisher.confirmed).toBe(0);
    expect(numbers()).toHaveLength(8);
    confirm(1);
    expect(publisher.confirmed).toBe(2);
    expect(numbers()).toHaveLength(10);
    confirm(9, true);
    expect(publisher.confirmed).toBe(9);
    expect(numbers()).toEqual(Array.from({ length: 17 }, (_, i) => i));
  });

  it('stops at the number of messages that it was given', () => {
    const { publisher, numbers, confirm } = publish({ messagesMax: 11, numbersFrom: 100 });
    publisher.start();
    confirm(8, true);
    expect(numbers()).toEqual(Array.from({ length: 11 }, (_, i) => 100 + i));
  });

  it('is not settled before all has come back both ways', () => {
    const { publisher, confirm } = publish({ messagesMax: 8 });
    publisher.start();
    confirm(8, true);
    expect(publisher.settled).toBe(false);
    publisher.onDeliveredInOrder(8);
    expect(publisher.settled).toBe(true);
  });

  it.each([
    ['a message is refused', methodFrame(1, 'basic.nack', { deliveryTag: 1 }), /sent basic.nack/],
    ['a message is returned', methodFrame(1, 'basic.return'), /sent basic.return/],
    ['what was not published is confirmed', methodFrame(1, 'basic.ack', { deliveryTag: 9 }), /9/],
  ])('fails when %s', (_, frame, message) => {
    const { channel, failures, publisher } = publish();
    publisher.start();
    channel.feed(frame);
    expect(failures[0]).toMatch(message);
  });
});
