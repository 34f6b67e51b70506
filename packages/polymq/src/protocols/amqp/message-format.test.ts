import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BasicProperties,
  contentHeader,
  FieldDecimal,
  FieldTimestamp,
  readProperties,
} from './codec/index.ts';
import { bodyFrameHeader, CONTENT_GAP_BYTES } from './content.ts';
import { amqpFormat } from './message-format.ts';

const stored = (properties: BasicProperties, bodyBytes = 5) =>
  Buffer.concat([contentHeader(properties, bodyBytes), bodyFrameHeader(bodyBytes)]);

const read = (bytes: Buffer) => readProperties(bytes, 0, bytes.length - CONTENT_GAP_BYTES);

/** Through the words that all protocols share, and back. */
const crossed = (properties: BasicProperties) => {
  const neutral = amqpFormat.toNeutral(stored(properties));
  return read(amqpFormat.fromNeutral(neutral, 5));
};

const short = fc.string({ maxLength: 60 });
const octet = fc.integer({ min: 0, max: 255 });
const value = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constant(null),
  fc.array(fc.string()),
  fc.dictionary(short, fc.string()),
);
const properties: fc.Arbitrary<BasicProperties> = fc.record(
  {
    contentType: short,
    contentEncoding: short,
    headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), value, { minKeys: 1 }),
    priority: octet,
    correlationId: short,
    replyTo: short,
    messageId: short,
    timestamp: fc.integer({ min: 0, max: 4_000_000_000 }),
    type: short,
    userId: short,
    appId: short,
  },
  { requiredKeys: [] },
);

const plain = (read: BasicProperties) => JSON.parse(JSON.stringify(read)) as unknown;

describe('properties of AMQP in the words of all protocols', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(properties, fc.constantFrom(1, 2), (given, deliveryMode) => {
        const all = { ...given, deliveryMode };
        expect(plain(crossed(all))).toEqual(plain(read(stored(all))));
      }),
      { numRuns: 300 },
    );
  });

  test('lose what only AMQP has a form for', () => {
    const headers = { price: new FieldDecimal(2, 1999), at: new FieldTimestamp(1_700_000_000) };
    expect(crossed({ headers }).headers).toEqual({ price: 19.99, at: 1_700_000_000 });
  });

  test('of another protocol that do not fit are left out', () => {
    const long = 'x'.repeat(256);
    const bytes = amqpFormat.fromNeutral(
      {
        correlationId: long,
        messageId: 'kept',
        headers: [
          { name: long, value: 1 },
          { name: 'twice', value: 'first' },
          { name: 'twice', value: 'last' },
        ],
      },
      0,
    );
    expect(read(bytes)).toEqual({ messageId: 'kept', headers: { twice: 'last' } });
  });

  test('keep bytes in headers, and times to the millisecond', () => {
    const headers = [{ name: 'bytes', value: Buffer.from([0xff, 0xfe]) }];
    const bytes = amqpFormat.fromNeutral({ headers, timestampMs: 1_700_000_000_123 }, 0);
    const { headers: table, timestamp } = read(bytes);
    expect([table?.['bytes'], timestamp]).toEqual([Buffer.from([0xff, 0xfe]), 1_700_000_000]);
    expect(amqpFormat.toNeutral(bytes).timestampMs).toBe(1_700_000_000_123);
  });

  test('say what a dead letter still wants', () => {
    const headers = { CC: ['a', 'b'] };
    expect(amqpFormat.wishes?.(stored({ headers, expiration: '500', priority: 3 }))).toEqual({
      copies: ['a', 'b'],
      ttlMs: 500,
      priority: 3,
    });
    expect(amqpFormat.wishes?.(stored({}))).toEqual({});
  });

  test('give exchanges their headers as plain values', () => {
    const headers = { n: 1, s: 'a', bytes: Buffer.from('b') };
    expect(amqpFormat.headers?.(stored({ headers }))).toEqual(
      new Map<string, unknown>([
        ['n', 1],
        ['s', 'a'],
        ['bytes', 'b'],
      ]),
    );
  });
});
