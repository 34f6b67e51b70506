import { AT } from '../../log/batch.ts';
import { BrokerError } from '../errors.ts';
import { ATTRIBUTES } from '../record/attributes.ts';
import type { StoredRecord } from '../record/record.ts';
import { readRecords } from '../record/record-reader.ts';

/**
 * The records of the batch at `at` that can count: none of a control batch or of a transaction, and what is compressed, so that nobody has
 * checked it, only up to the first record that is broken.
 */
export function* readableRecords(buffer: Buffer, at: number): Generator<StoredRecord, void> {
  const attributes = buffer.readUInt16BE(at + AT.attributes);
  if ((attributes & (ATTRIBUTES.control | ATTRIBUTES.transactional)) !== 0) return;
  const records = readRecords(buffer, at);
  for (;;) {
    let next: IteratorResult<StoredRecord, void>;
    try {
      next = records.next();
    } catch (error: unknown) {
      if (error instanceof BrokerError && error.code === 'invalid-batch') return;
      throw error;
    }
    if (next.done === true) return;
    yield next.value;
  }
}
