/** Batches as kafkajs encodes them: an encoder that is not ours. */
import { createRequire } from 'node:module';

interface Encoded {
  buffer: Buffer;
}
type EncodeRecord = (record: {
  offsetDelta: number;
  timestampDelta: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
}) => Encoded;
type EncodeBatch = (batch: Record<string, unknown>) => Promise<Encoded>;

const require = createRequire(import.meta.url);
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as EncodeRecord;
const { RecordBatch: encodeBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: EncodeBatch;
};

export interface KafkajsRecord {
  key?: Buffer;
  value?: Buffer;
  headers?: Record<string, Buffer>;
  timestampMs?: number;
}

export async function kafkajsBatch(
  records: readonly KafkajsRecord[],
  options: { gzip?: boolean; producerId?: number; epoch?: number; sequence?: number } = {},
): Promise<Buffer> {
  const times = records.map(({ timestampMs = 1_700_000_000_000 }) => timestampMs);
  const firstTimestamp = Math.min(...times);
  const encoded = await encodeBatch({
    compression: options.gzip ? 1 : 0,
    firstTimestamp,
    maxTimestamp: Math.max(...times),
    producerId: options.producerId ?? -1,
    producerEpoch: options.epoch ?? 0,
    firstSequence: options.sequence ?? 0,
    lastOffsetDelta: records.length - 1,
    records: records.map((record, index) =>
      encodeRecord({
        offsetDelta: index,
        timestampDelta: times[index]! - firstTimestamp,
        key: record.key ?? null,
        value: record.value ?? null,
        headers: record.headers ?? {},
      }),
    ),
  });
  return encoded.buffer;
}
