import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeathRecord } from '../message/history.ts';
import { readNeutral, writeNeutral } from '../message/neutral-format.ts';
import type { NeutralMessage } from '../message/neutral-message.ts';
import { bytes, neutralMessages, text } from '../message/testing/neutral-messages.ts';
import type { StoredRecord } from '../record/record.ts';
import { readRecords } from '../record/record-reader.ts';
import { BatchBuilder } from './batch-builder.ts';
import {
  CROSSING_HEADER,
  CROSSING_PREFIX,
  recordFields,
  type WholeMessage,
  wholeMessage,
} from './record-message.ts';

const PUBLISHED_MS = 1_700_000_000_000;

/** Through the bytes of a batch, as the record would be stored. */
function recordOf(whole: WholeMessage, body: Buffer = Buffer.from('body')): StoredRecord {
  const time = { publishedMs: PUBLISHED_MS, accepts: () => true };
  const fields = recordFields(whole, body.length, time);
  const builder = new BatchBuilder();
  builder.add({ ...fields, value: fields.nullValue ? undefined : [body] }, Infinity);
  return [...readRecords(builder.finish())][0]!;
}

function headersOf(record: StoredRecord): [string, string | undefined][] {
  return record.headers.map(({ key, value }) => [key, value?.toString()]);
}

function message(whole: Partial<NeutralMessage> = {}): NeutralMessage {
  return { headers: [], ...whole };
}

const names = fc.string({ unit: 'grapheme', maxLength: 20 });
const DEATH: DeathRecord = {
  queue: 'q',
  reason: 'rejected',
  count: 2,
  firstMs: 5,
  exchange: 'e',
  routingKeys: ['k'],
};

describe('a message that becomes a record and a message again', () => {
  it('is the same, apart from what the table says', () => {
    const wholes = fc.record({ exchange: names, routingKey: names, message: neutralMessages() });
    fc.assert(
      fc.property(wholes, (whole) => {
        fc.pre(!whole.message.headers.some(({ name }) => name.startsWith(CROSSING_PREFIX)));
        const back = wholeMessage(recordOf(whole));
        const { key, headers, ...rest } = back.message;
        expect([back.exchange, back.routingKey]).toEqual([whole.exchange, whole.routingKey]);
        expect(rest).toEqual({
          ...withoutKeyAndHeaders(whole.message),
          persistent: whole.message.persistent ?? true,
          timestampMs: whole.message.timestampMs ?? PUBLISHED_MS,
        });
        expect(headers.filter(({ name }) => name !== CROSSING_HEADER.key)).toEqual(
          whole.message.headers,
        );
        if (whole.message.key === undefined) expect(key).toBeUndefined();
        else if (key === undefined) expect(whole.message.key.toString()).toBe(whole.routingKey);
        else expect(key).toEqual(whole.message.key);
        // And once more: nothing is added on every crossing.
        expect(recordOf(back)).toEqual(recordOf(whole));
      }),
    );
  });

  it('keeps what killed it before', () => {
    const whole = { exchange: 'dlx', routingKey: 'k', message: message(), history: [DEATH] };
    expect(wholeMessage(recordOf(whole)).history).toEqual([DEATH]);
  });
});

function withoutKeyAndHeaders({ key: _, headers: __, ...rest }: NeutralMessage): object {
  return rest;
}

describe('a record that becomes a message and a record again', () => {
  const records: fc.Arbitrary<StoredRecord> = fc.record({
    offset: fc.constant(0),
    timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    key: fc.option(bytes(), { nil: undefined }),
    value: fc.option(bytes(), { nil: undefined }),
    headers: fc.array(
      fc.record({
        key: text().filter((name) => !name.startsWith(CROSSING_PREFIX)),
        value: fc.option(fc.oneof(bytes(), text().map(Buffer.from)), { nil: undefined }),
      }),
      { maxLength: 4 },
    ),
  });

  it('is the same', () => {
    fc.assert(
      fc.property(records, (record) => {
        const whole = wholeMessage(record);
        expect(recordOf(whole, record.value ?? Buffer.alloc(0))).toEqual(record);
      }),
    );
  });
});

describe('a record made of a message', () => {
  it('has the routing key for its key, and says where the message was published to', () => {
    const record = recordOf({ exchange: 'orders', routingKey: 'eu.created', message: message() });
    expect(record.key?.toString()).toBe('eu.created');
    expect(headersOf(record)).toEqual([['polymq-exchange', 'orders']]);
    expect(record.timestampMs).toBe(PUBLISHED_MS);
  });

  it('has no key if it was published to a queue by name', () => {
    const record = recordOf({ exchange: '', routingKey: 'clicks', message: message() });
    expect(record.key).toBeUndefined();
    expect(headersOf(record)).toEqual([['polymq-routing-key', 'clicks']]);
  });

  it('shows typed headers as text, with the types beside them', () => {
    const headers = [
      { name: 'retries', value: 3 },
      { name: 'who', value: 'me' },
      { name: 'urgent', value: true },
      { name: 'none', value: null },
      { name: 'tags', value: ['a', 1, { b: Buffer.from('x') }] },
    ];
    expect(headersOf(recordOf({ exchange: 'e', routingKey: 'k', message: { headers } }))).toEqual([
      ['retries', '3'],
      ['who', 'me'],
      ['urgent', 'true'],
      ['none', undefined],
      ['tags', '["a",1,{"b":{"$bytes":"eA=="}}]'],
      ['polymq-header-types', '{"retries":"number","urgent":"boolean","tags":"json"}'],
      ['polymq-exchange', 'e'],
    ]);
  });

  it('has the sender’s time only where its stream takes it', () => {
    const time = { publishedMs: PUBLISHED_MS, accepts: (ms: number) => ms === 7 };
    const fieldsAt = (timestampMs: number) =>
      recordFields({ exchange: '', routingKey: '', message: message({ timestampMs }) }, 0, time);
    expect(fieldsAt(7)).toMatchObject({ timestampMs: 7, headers: [] });
    expect(fieldsAt(8)).toMatchObject({
      timestampMs: PUBLISHED_MS,
      headers: [{ key: 'polymq-timestamp', value: '8' }],
    });
  });
});

describe('a message made of a record', () => {
  const plain: StoredRecord = {
    offset: 0,
    timestampMs: 1,
    key: Buffer.from('order-1'),
    value: Buffer.from('v'),
    headers: [],
  };
  const header = (key: string, value: string) => ({ key, value: Buffer.from(value) });

  it('has the key for its routing key, and the exchange it is told', () => {
    expect(wholeMessage(plain, 'stream:orders')).toEqual({
      exchange: 'stream:orders',
      routingKey: 'order-1',
      message: { headers: [], timestampMs: 1, persistent: true },
    });
  });

  it('keeps a key that no routing key can be in a header', () => {
    for (const key of [Buffer.of(0xff), Buffer.alloc(256, 'a'), Buffer.alloc(0)]) {
      const whole = wholeMessage({ ...plain, key }, 'stream:orders');
      expect(whole.routingKey).toBe('');
      expect(whole.message.headers).toEqual([{ name: 'polymq-key', value: key }]);
      // A protocol that has no keys carries the header only.
      delete whole.message.key;
      expect(recordOf(whole).key).toEqual(key);
    }
  });

  it('tells null from empty', () => {
    const whole = wholeMessage({ ...plain, value: undefined });
    expect(whole.message.headers).toEqual([{ name: 'polymq-null-value', value: true }]);
    expect(recordOf(whole, Buffer.alloc(0)).value).toBeUndefined();
    expect(
      recordOf(wholeMessage({ ...plain, value: Buffer.alloc(0) }), Buffer.alloc(0)).value,
    ).toEqual(Buffer.alloc(0));
  });

  it('has text headers as text, others as bytes', () => {
    const headers = [header('a', 'ü'), { key: 'b', value: Buffer.of(0xc3) }];
    expect(wholeMessage({ ...plain, headers }).message.headers).toEqual([
      { name: 'a', value: 'ü' },
      { name: 'b', value: Buffer.of(0xc3) },
    ]);
  });

  it('has a header as text that was changed on the way', () => {
    const types = header('polymq-header-types', '{"n":"number","b":"boolean","j":"json"}');
    const headers = [header('n', '03'), header('b', 'yes'), header('j', '{'), types];
    expect(wholeMessage({ ...plain, headers }).message.headers).toEqual([
      { name: 'n', value: '03' },
      { name: 'b', value: 'yes' },
      { name: 'j', value: '{' },
    ]);
  });

  it('keeps headers that only look like ours', () => {
    const headers = [
      header('polymq-priority', '256'),
      header('polymq-header-types', '{"a":"date"}'),
      header('polymq-history', '[{"queue":1}]'),
      header('polymq-exchange', 'x'.repeat(256)),
      header('polymq-persistent', 'maybe'),
      header('polymq-else', 'x'),
      { key: 'polymq-type', value: undefined },
    ];
    const whole = wholeMessage({ ...plain, headers });
    expect(whole.message.headers.map(({ name }) => name)).toEqual(headers.map(({ key }) => key));
    expect(whole.exchange).toBe('');
  });

  it('is made of any headers that a stranger may send', () => {
    const names = fc.oneof(text(), fc.constantFrom(...Object.values(CROSSING_HEADER)));
    const values = fc.oneof(
      bytes(),
      text().map(Buffer.from),
      fc.integer().map((value) => Buffer.from(String(value))),
      fc.json().map(Buffer.from),
      fc.constantFrom('{"a":"json"}', '{"__proto__":["bytes"]}', '[]', 'true').map(Buffer.from),
    );
    const headers = fc.array(
      fc.record({ key: names, value: fc.option(values, { nil: undefined }) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(headers, (list) => {
        const { exchange, routingKey, message: made } = wholeMessage({ ...plain, headers: list });
        expect(readNeutral(writeNeutral(made))).toEqual(made);
        expect(Buffer.byteLength(exchange)).toBeLessThan(256);
        expect(Buffer.byteLength(routingKey)).toBeLessThan(256);
        expect(made.priority ?? 0).toBeLessThan(256);
        expect(Number.isSafeInteger(made.timestampMs)).toBe(true);
      }),
    );
  });
});
