/** What all batch actions share: the checks of the batch itself, and an answer per entry. */
import { AwsError, type BatchFailure, batchFailure, toAwsError } from '../wire/index.ts';
import { SQS } from './limits.ts';

export interface BatchEntry {
  Id: string;
}

export interface BatchResult<T> {
  Successful: (T & BatchEntry)[];
  Failed: BatchFailure[];
}

const ID = /^[A-Za-z0-9_-]+$/;

/** `entryName`: as AWS calls one. */
export function checkBatch(
  entries: readonly BatchEntry[] | undefined,
  entryName: string,
): asserts entries is readonly BatchEntry[] {
  if (entries === undefined || entries.length === 0) {
    throw new AwsError(
      'EmptyBatchRequest',
      `There should be at least one ${entryName} in the request.`,
    );
  }
  if (entries.length > SQS.batchEntriesMax) {
    throw new AwsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${SQS.batchEntriesMax}. You have sent ${entries.length}.`,
    );
  }
  const seen = new Set<string>();
  for (const { Id } of entries) {
    if (Id.length > SQS.batchIdLengthMax || !ID.test(Id)) {
      throw new AwsError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      );
    }
    if (seen.has(Id)) throw new AwsError('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`);
    seen.add(Id);
  }
}

/** Does each entry by itself: one that fails leaves the others alone. */
export function perEntry<E extends BatchEntry, T extends object>(
  entries: readonly E[],
  handle: (entry: E) => T,
): BatchResult<T> {
  const result: BatchResult<T> = { Successful: [], Failed: [] };
  for (const entry of entries) {
    try {
      result.Successful.push({ Id: entry.Id, ...handle(entry) });
    } catch (error: unknown) {
      result.Failed.push(batchFailure('sqs', entry.Id, toAwsError(error, 'sqs')));
    }
  }
  return result;
}
