/** The generator's frames are written without the broker's codec; here the two meet. */
import { describe, expect, it } from 'vitest';
import { checkBatch } from '../../packages/polymq/src/core/record/check-batch.ts';
import { readRecords } from '../../packages/polymq/src/core/record/record-reader.ts';
import { decodeRequest } from '../../packages/polymq/src/protocols/kafka/codec/codec.ts';
import { decodeRequestHeader } from '../../packages/polymq/src/protocols/kafka/codec/headers.ts';
import { apiByKey } from '../../packages/polymq/src/protocols/kafka/codec/registry.ts';
import {
  createTopicRequest,
  deleteTopicRequest,
  endOffsetsRequest,
  fetchOffsetAt,
  fetchRequest,
  produceRequest,
  recordBatch,
  recordsPerBatch,
} from './frames.ts';

function decode(frame: Buffer): Record<string, unknown> {
  expect(frame.readInt32BE(0)).toBe(frame.length - 4);
  const { apiKey, apiVersion, bodyStart } = decodeRequestHeader(frame, 4);
  return decodeRequest(apiByKey(apiKey)!, apiVersion, frame, bodyStart);
}

describe('the load generator', () => {
  it('builds batches that the broker accepts, of the records it says', () => {
    const batch = recordBatch({ recordBytes: 100, recordCount: 200 }, (value, i) =>
      value.writeUInt32BE(i, 0),
    );
    expect(checkBatch(batch)).toMatchObject({ recordCount: 200, codec: 'none', producerId: -1 });
    const values = [...readRecords(batch)].map((record) => record.value!);
    expect(values.map((value) => value.readUInt32BE(0))).toEqual(values.map((_, i) => i));
    expect(values.every((value) => value.length === 100)).toBe(true);
  });

  it('fills a batch up to the size asked for', () => {
    for (const batchBytes of [16 * 1024, 128 * 1024, 1024 * 1024]) {
      const recordCount = recordsPerBatch(1024, batchBytes);
      expect(recordBatch({ recordBytes: 1024, recordCount }).length).toBeLessThanOrEqual(
        batchBytes,
      );
      const more = recordBatch({ recordBytes: 1024, recordCount: recordCount + 1 });
      expect(more.length).toBeGreaterThan(batchBytes);
    }
    expect(recordsPerBatch(100, 100)).toBe(1);
  });

  it('builds produce requests that decode to what was put in', () => {
    const batch = recordBatch({ recordBytes: 10, recordCount: 2 });
    expect(decode(produceRequest('orders', [3, 5], batch))).toMatchObject({
      acks: -1,
      topicData: [
        {
          name: 'orders',
          partitionData: [
            { index: 3, records: batch },
            { index: 5, records: batch },
          ],
        },
      ],
    });
  });

  it('patches the offset of a fetch request in place', () => {
    const frame = fetchRequest({ topic: 'orders', partition: 2, offset: 0, bytesMax: 1000 });
    frame.writeBigInt64BE(123_456n, fetchOffsetAt(frame));
    expect(decode(frame)).toMatchObject({
      maxBytes: 1000,
      topics: [{ topic: 'orders', partitions: [{ partition: 2, fetchOffset: 123_456 }] }],
    });
  });

  it('builds control requests that decode', () => {
    expect(decode(createTopicRequest('a', 7))).toMatchObject({
      topics: [{ name: 'a', numPartitions: 7, replicationFactor: 1 }],
    });
    expect(decode(deleteTopicRequest('a'))).toMatchObject({ topicNames: ['a'] });
    expect(decode(endOffsetsRequest('a', 2))).toMatchObject({
      topics: [{ name: 'a', partitions: [{ timestamp: -1 }, { timestamp: -1 }] }],
    });
  });
});
