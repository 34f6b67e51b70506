import { BrokerError } from '../../../src/core/errors.ts';
import { checkBatch } from '../../../src/core/record/check-batch.ts';
import { readRecords } from '../../../src/core/record/record-reader.ts';
import { writeBatch, writeBatchCrc } from '../../../src/core/record/record-writer.ts';
import { AT, BATCH_HEADER_BYTES, BATCH_LENGTH_OVERHEAD } from '../../../src/log/batch.ts';
import { type FuzzTarget, WrongResult } from '../target.ts';
import { compressedSamples } from './decompress.ts';

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** The check that a batch passes before it is stored, then the reader that looks inside. */
export function recordBatch(): FuzzTarget {
  return {
    name: 'record-batch',
    seeds: () => [...plainBatches(), ...compressedBatches()],
    run: (input) => {
      const checked = checkBatch(input);
      // The fields inside a record are the reader's to judge, so it may still refuse.
      const count = [...readRecords(input)].length;
      if (count !== checked.recordCount) {
        throw new WrongResult(`${checked.recordCount} records were checked, ${count} were read`);
      }
    },
    allows: (error) =>
      error instanceof BrokerError &&
      /^(corrupt-batch|invalid-batch|invalid-timestamp|unsupported|message-too-large)$/.test(
        error.code,
      ),
    repair,
    // Compressed content may expand to 16 MiB whatever its size, in steps that double.
    memoryBytesMax: 48 << 20,
  };
}

/** Makes length and checksum right again, so that the mutation reaches the checks behind them. */
function repair(input: Buffer): Buffer {
  if (input.length < BATCH_HEADER_BYTES) return input;
  input.writeInt32BE(input.length - BATCH_LENGTH_OVERHEAD, AT.length);
  input[AT.magic] = 2;
  input.writeUInt16BE(input.readUInt16BE(AT.attributes) & 7, AT.attributes);
  writeBatchCrc(input);
  return input;
}

function plainBatches(): Buffer[] {
  const headers = [{ key: 'h', value: Buffer.from('1') }, { key: 'n' }];
  const record = { key: Buffer.from('key'), value: Buffer.from('value'), headers };
  const timestampMs = 1_700_000_000_000;
  return [1, 2, 50].flatMap((count) => {
    const records = new Array(count).fill(record);
    return [
      writeBatch({ records, timestampMs }),
      writeBatch({ records, timestampMs, codec: 'gzip' }),
      writeBatch({ records, timestampMs, producer: { id: 7, epoch: 1, sequence: 40 } }),
    ];
  });
}

/** Batches whose content is well-formed compressed data, though not of records. */
function compressedBatches(): Buffer[] {
  return compressedSamples().map(({ codec, data }) => {
    const head = writeBatch({ records: [{ value: Buffer.alloc(0) }], timestampMs: 1 });
    const batch = Buffer.concat([head.subarray(0, BATCH_HEADER_BYTES), data]);
    batch.writeUInt16BE(CODECS.indexOf(codec), AT.attributes);
    return repair(batch);
  });
}
