import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AT, BATCH_HEADER_BYTES } from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import { checkBatch } from './check-batch.ts';
import { readBuffers, readRecords } from './record-reader.ts';
import { type RecordToWrite, writeBatch, writeBatchCrc } from './record-writer.ts';
import { kafkajsBatch } from './testing/kafkajs-batch.ts';

const MS = 1_700_000_000_000;

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const optional = fc.option(bytes, { nil: undefined });
const records = fc.array(
  fc.record({
    key: optional,
    value: optional,
    headers: fc.array(fc.record({ key: fc.string(), value: optional }), { maxLength: 4 }),
    timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('records', () => {
  it('come back as they were written, with and without compression', () => {
    fc.assert(
      fc.property(records, fc.nat(2 ** 50), fc.boolean(), (written, baseOffset, zip) => {
        const batch = writeBatch({
          records: written,
          timestampMs: MS,
          baseOffset,
          codec: zip ? 'gzip' : 'none',
        });
        expect(checkBatch(batch).recordCount).toBe(written.length);
        const expected = written.map((record, index) => ({
          ...record,
          offset: baseOffset + index,
        }));
        expect([...readRecords(batch)]).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('are read as kafkajs wrote them', async () => {
    const written = [
      { key: Buffer.from('k'), value: Buffer.from('v'), headers: { a: Buffer.from('1') } },
      { timestampMs: MS + 5 },
      { value: Buffer.alloc(500, 1), timestampMs: MS - 100_000 },
    ];
    for (const gzip of [false, true]) {
      const read = [...readRecords(await kafkajsBatch(written, { gzip }))];
      expect(read).toEqual([
        {
          offset: 0,
          timestampMs: MS,
          key: Buffer.from('k'),
          value: Buffer.from('v'),
          headers: [{ key: 'a', value: Buffer.from('1') }],
        },
        { offset: 1, timestampMs: MS + 5, key: undefined, value: undefined, headers: [] },
        {
          offset: 2,
          timestampMs: MS - 100_000,
          key: undefined,
          value: Buffer.alloc(500, 1),
          headers: [],
        },
      ]);
    }
  });

  it('are written byte for byte as kafkajs writes them', async () => {
    const written: RecordToWrite[] = [
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        headers: [{ key: 'h', value: Buffer.from('1') }],
      },
      { value: Buffer.alloc(200, 7), timestampMs: MS + 123_456 },
    ];
    const producer = { id: 4, epoch: 2, sequence: 9 };
    const theirs = await kafkajsBatch(
      [
        { key: Buffer.from('k'), value: Buffer.from('v'), headers: { h: Buffer.from('1') } },
        { value: Buffer.alloc(200, 7), timestampMs: MS + 123_456 },
      ],
      { producerId: 4, epoch: 2, sequence: 9 },
    );
    expect(writeBatch({ records: written, timestampMs: MS, producer }).equals(theirs)).toBe(true);
  });

  it('all carry the append time where the broker stamped it', () => {
    const batch = writeBatch({ records: [{}, { timestampMs: 5 }], timestampMs: MS });
    batch.writeUInt16BE(0x08, AT.attributes);
    expect([...readRecords(batch)].map(({ timestampMs }) => timestampMs)).toEqual([MS, MS]);
  });

  it('are found in a row of batches', () => {
    const one = writeBatch({ records: [{}, {}], timestampMs: MS, baseOffset: 5 });
    const two = writeBatch({ records: [{}], timestampMs: MS, baseOffset: 7, codec: 'gzip' });
    const read = [...readBuffers([Buffer.concat([one, two]), two])];
    expect(read.map(({ offset }) => offset)).toEqual([5, 6, 7, 7]);
  });

  it('that are malformed end in one kind of error, whatever the bytes', () => {
    const edits = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 10 });
    let refused = 0;
    fc.assert(
      fc.property(records, fc.boolean(), edits, (written, zip, changes) => {
        const codec = zip ? 'gzip' : 'none';
        const batch = writeBatch({ records: written, timestampMs: MS, codec });
        for (const [at, byte] of changes) batch[at % batch.length] = byte;
        try {
          for (const _ of readRecords(batch));
        } catch (error: unknown) {
          refused++;
          expect(error).toBeInstanceOf(BrokerError);
          expect((error as BrokerError).code).toBe('invalid-batch');
        }
      }),
      { seed: 3, numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('are refused when a count inside claims more than there is', () => {
    const batch = writeBatch({ records: [{ value: Buffer.alloc(5) }], timestampMs: MS });
    // The last byte is the number of headers: zigzag 0x7e stands for 63.
    batch[batch.length - 1] = 0x7e;
    writeBatchCrc(batch);
    expect(() => checkBatch(batch)).toThrow(/record 0/);
    expect(() => [...readRecords(batch)]).toThrow(/63 headers/);
  });

  it('are refused when they would expand beyond the limit', () => {
    const records = [{ value: Buffer.alloc(1 << 20) }];
    const batch = writeBatch({ records, timestampMs: MS, codec: 'gzip' });
    const limits = { expandedBytesMax: 1 << 20, expandedBytesFree: 1000, expansionMax: 100 };
    expect([...readRecords(batch)]).toHaveLength(1);
    expect(() => [...readRecords(batch, 0, limits)]).toThrow(/more than the/);
  });

  it('are refused when the batch is cut off', () => {
    const batch = writeBatch({ records: [{ value: Buffer.alloc(50) }], timestampMs: MS });
    for (const length of [0, 60, BATCH_HEADER_BYTES, batch.length - 1]) {
      expect(() => [...readRecords(batch.subarray(0, length))]).toThrow(BrokerError);
    }
  });
});
