/**
 * One batch action of SQS, and what became of each entry. Entries that the engine was too busy for are sent again, with growing waits, until the time that
 * every call has is over.
 */
import { type ClientErrorCode, PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import { entryError, isBusy } from './errors.ts';
import type { QueuePlace } from './places.ts';

const BACKOFF_MS = { first: 50, max: 5_000 } as const;

interface BatchAnswer {
  readonly Successful?: readonly (BatchSuccess & { readonly Id?: string })[];
  readonly Failed?: readonly {
    readonly Id?: string;
    readonly Code?: string;
    readonly Message?: string;
  }[];
}

/** What SendMessageBatch says of a message; the other actions say nothing. */
export interface BatchSuccess {
  readonly MessageId?: string;
  readonly SequenceNumber?: string;
}

/** Outcomes in the order of the entries. Rejects if the request failed as a whole. */
export async function batchRequest(
  aws: Aws,
  action: string,
  place: QueuePlace,
  entries: readonly object[],
): Promise<(BatchSuccess | PolymqError)[]> {
  const { clock, timeoutMs } = aws.context;
  const endMs = clock.nowMs() + timeoutMs;
  const outcomes: (BatchSuccess | PolymqError)[] = [];
  let open = entries.map((_, index) => index);
  for (let backoffMs: number = BACKOFF_MS.first; ; backoffMs *= 2) {
    const Entries = open.map((index) => ({ Id: `${index}`, ...entries[index] }));
    const input = { QueueUrl: place.url, Entries };
    const answer = await aws.sqs<BatchAnswer>(action, input, { target: place.name });
    const again = take(answer, outcomes, action, place);
    const waitMs = Math.min(backoffMs, BACKOFF_MS.max) * (0.5 + Math.random() / 2);
    if (again.length === 0 || clock.nowMs() + waitMs >= endMs) {
      return entries.map((_, index) => outcomes[index] ?? unanswered(action, place));
    }
    open = again.sort((a, b) => a - b);
    await sleep(clock, waitMs);
  }
}

/** Writes down the outcomes, and answers which entries are worth another try. */
function take(
  { Successful = [], Failed = [] }: BatchAnswer,
  outcomes: (BatchSuccess | PolymqError)[],
  action: string,
  place: QueuePlace,
): number[] {
  const again: number[] = [];
  for (const success of Successful) outcomes[Number(success.Id)] = success;
  for (const failure of Failed) {
    outcomes[Number(failure.Id)] = entryError(action, place.name, failure);
    if (isBusy(failure.Code ?? '')) again.push(Number(failure.Id));
  }
  return again;
}

function unanswered(action: string, place: QueuePlace): PolymqError {
  const code: ClientErrorCode = 'engine-failed';
  return new PolymqError(
    code,
    `${action} of ${place.name}: SQS did not say what became of an entry`,
  );
}
