import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeInt64 } from '../../lib/bytes/int64.ts';
import { AT, BATCH_HEADER_BYTES } from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import { checkBatch } from './check-batch.ts';
import { readRecords } from './record-reader.ts';
import { writeBatch, writeBatchCrc } from './record-writer.ts';
import { kafkajsBatch } from './testing/kafkajs-batch.ts';

const MS = 1_700_000_000_000;

function batch(count = 3, codec: 'none' | 'gzip' = 'none'): Buffer {
  const records = Array.from({ length: count }, (_, index) => ({
    key: Buffer.from(`key ${index}`),
    value: Buffer.from(`value ${index}`),
  }));
  return writeBatch({ records, timestampMs: MS, codec });
}

/** Changes a good batch and makes its checksum right again. */
function changed(change: (batch: Buffer) => void, from: Buffer = batch()): Buffer {
  change(from);
  writeBatchCrc(from);
  return from;
}

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error: unknown) {
    if (error instanceof BrokerError) return error.code;
    throw error;
  }
  return 'fine';
}

describe('checkBatch', () => {
  it('accepts what kafkajs sends, plain and compressed', async () => {
    const records = Array.from({ length: 300 }, (_, index) => ({
      key: Buffer.from(`key ${index}`),
      value: Buffer.alloc(index, 97),
      headers: { trace: Buffer.from('on') },
      timestampMs: MS + index * 1000,
    }));
    const options = { producerId: 7, epoch: 1, sequence: 5 };
    expect(checkBatch(await kafkajsBatch(records, options))).toMatchObject({
      recordCount: 300,
      codec: 'none',
      producerId: 7,
      maxTimestampMs: MS + 299_000,
    });
    expect(checkBatch(await kafkajsBatch(records, { gzip: true }))).toMatchObject({
      recordCount: 300,
      codec: 'gzip',
      producerId: -1,
    });
  });

  it.each<[what: string, code: string, make: () => Buffer]>([
    ['nothing', 'invalid-batch', () => Buffer.alloc(0)],
    ['a header that is cut off', 'invalid-batch', () => batch().subarray(0, 60)],
    ['a batch that is cut off', 'invalid-batch', () => batch().subarray(0, -1)],
    ['two batches', 'invalid-batch', () => Buffer.concat([batch(), batch()])],
    ['a byte too many', 'invalid-batch', () => Buffer.concat([batch(), Buffer.alloc(1)])],
    ['a negative length', 'invalid-batch', () => changed((b) => b.writeInt32BE(-5, AT.length))],
    ['a length below the header', 'invalid-batch', () => changed((b) => b.writeInt32BE(48, 8))],
    ['a flipped bit', 'corrupt-batch', () => flipped(batch())],
    ['message format v1', 'invalid-batch', () => changed((b) => b.writeInt8(1, AT.magic))],
    ['no records', 'invalid-batch', () => changed((b) => b.writeInt32BE(0, AT.recordCount))],
    ['fewer records', 'invalid-batch', () => changed(claim(2))],
    ['more records', 'invalid-batch', () => changed(claim(4))],
    ['a giant record count', 'invalid-batch', () => changed(claim(0x7fffffff))],
    ['counts that differ', 'invalid-batch', () => changed((b) => b.writeInt32BE(7, 23))],
    ['an unknown codec', 'invalid-batch', () => changed((b) => b.writeInt16BE(5, 21))],
    ['a control batch', 'invalid-batch', () => changed((b) => b.writeInt16BE(0x20, 21))],
    ['reserved attributes', 'invalid-batch', () => changed((b) => b.writeInt16BE(0x40, 21))],
    ['a transaction', 'unsupported', () => changed((b) => b.writeInt16BE(0x10, 21))],
    ['append time', 'invalid-timestamp', () => changed((b) => b.writeInt16BE(0x08, 21))],
    ['a producer without epoch', 'invalid-batch', () => changed(producer(7, -1, 0))],
    ['a producer without sequence', 'invalid-batch', () => changed(producer(7, 0, -1))],
  ])('refuses %s as %s', (_what, code, make) => {
    expect(codeOf(() => checkBatch(make()))).toBe(code);
  });

  it('says that message format v2 is needed', () => {
    const old = changed((b) => b.writeInt8(1, AT.magic));
    expect(() => checkBatch(old)).toThrow(/message format v2 is needed/);
  });

  it('finds a record that is misnumbered or does not fill its place', () => {
    const first = BATCH_HEADER_BYTES;
    const offsetDelta = first + 3;
    expect(codeOf(() => checkBatch(changed((b) => b.writeInt8(2, offsetDelta))))).toBe(
      'invalid-batch',
    );
    for (const length of [0, 1, 5, 0x7f]) {
      const broken = changed((b) => b.writeInt8(length, first));
      expect(codeOf(() => checkBatch(broken))).toBe('invalid-batch');
    }
  });

  it('accepts records whose fields take many bytes', () => {
    const records = Array.from({ length: 20_000 }, (_, index) => ({
      value: Buffer.alloc(index === 7 ? 70_000 : 0),
      timestampMs: index % 2 === 0 ? MS : 1,
    }));
    expect(checkBatch(writeBatch({ records, timestampMs: MS })).recordCount).toBe(20_000);
  });

  it('refuses data that claims to expand too far, and allows small batches any ratio', () => {
    expect(checkBatch(compressed(gzipSync(Buffer.alloc(16 << 20)))).codec).toBe('gzip');
    const bomb = compressed(gzipSync(Buffer.alloc((16 << 20) + 1)));
    expect(() => checkBatch(bomb)).toThrow(/would decompress to 16777217 bytes/);
  });

  it('never allows more than the absolute limit', () => {
    const noise = Buffer.alloc(1 << 20, 1).map((_, index) => (index * index) >>> 3);
    const members = [gzipSync(noise), gzipSync(Buffer.alloc(1 << 20))];
    const limits = { expandedBytesMax: 1000, expandedBytesFree: 10, expansionMax: 1e9 };
    const made = compressed(Buffer.concat(members));
    expect(checkBatch(made).codec).toBe('gzip');
    expect(codeOf(() => checkBatch(made, limits))).toBe('invalid-batch');
  });

  it('refuses a compressed batch whose record count cannot be true', () => {
    const lie = changed(claim(3_000_000), batch(3, 'gzip'));
    expect(() => checkBatch(lie)).toThrow(/3000000 records cannot stand in/);
  });

  it('accepts a mutated batch only if its records can be read, or fails as it should', () => {
    const mutations = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), mutations, fc.boolean(), (n, edits, fix) => {
        const mutated = batch(n);
        for (const [at, byte] of edits) mutated[at % mutated.length] = byte;
        if (fix) writeBatchCrc(mutated);
        const code = codeOf(() => checkBatch(mutated));
        expect([
          'fine',
          'invalid-batch',
          'corrupt-batch',
          'unsupported',
          'invalid-timestamp',
        ]).toContain(code);
        if (code !== 'fine') return;
        const read = codeOf(() => [...readRecords(mutated)]);
        // What is inside a compressed batch was not looked at.
        const isPlain = checkBatch(mutated).codec === 'none';
        expect(isPlain ? ['fine'] : ['fine', 'invalid-batch']).toContain(read);
      }),
      { seed: 11, numRuns: 20_000 },
    );
  });
});

function flipped(buffer: Buffer): Buffer {
  buffer[70] = buffer[70]! ^ 1;
  return buffer;
}

function claim(count: number): (buffer: Buffer) => void {
  return (buffer) => {
    buffer.writeInt32BE(count, AT.recordCount);
    buffer.writeInt32BE(count - 1, AT.lastOffsetDelta);
  };
}

function producer(id: number, epoch: number, sequence: number): (buffer: Buffer) => void {
  return (buffer) => {
    writeInt64(buffer, id, AT.producerId);
    buffer.writeInt16BE(epoch, AT.producerEpoch);
    buffer.writeInt32BE(sequence, AT.baseSequence);
  };
}

/** A batch of one record that claims gzip, with `data` as its records. */
function compressed(data: Buffer): Buffer {
  const made = Buffer.concat([batch(1, 'gzip').subarray(0, BATCH_HEADER_BYTES), data]);
  made.writeInt32BE(made.length - 12, AT.length);
  writeBatchCrc(made);
  return made;
}
