/**
 * One batch action of SQS or SNS, and what became of each entry. Entries that the engine was too busy for are sent again, with growing waits, until the time that
 * every call has is over.
 */
import type { DriverContext } from '../../driver/driver.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import type { Aws } from './aws.ts';
import { entryError, isBusy } from './errors.ts';
import type { QueuePlace } from './places.ts';

const BACKOFF_MS = { first: 50, max: 5_000 } as const;

export interface BatchAnswer {
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

/** One attempt with some of the entries, whose ids are their places. */
export type BatchAction = (entries: readonly object[]) => Promise<BatchAnswer>;

/** SQS's batch actions, which all look alike. */
export function queueAction(aws: Aws, action: string, place: QueuePlace): BatchAction {
  const target = { target: place.name };
  return (Entries) => aws.sqs(action, { QueueUrl: place.url, Entries }, target);
}

/** Outcomes in the order of the entries. `what` is for errors. Rejects if the request failed as a whole. */
export async function batchRequest(
  { clock, timeoutMs }: DriverContext,
  what: { readonly action: string; readonly target: string },
  entries: readonly object[],
  act: BatchAction,
): Promise<(BatchSuccess | PolymqError)[]> {
  const endMs = clock.nowMs() + timeoutMs;
  const outcomes: (BatchSuccess | PolymqError)[] = [];
  let open = entries.map((_, index) => index);
  for (let backoffMs: number = BACKOFF_MS.first; ; backoffMs *= 2) {
    const answer = await act(open.map((index) => ({ Id: `${index}`, ...entries[index] })));
    const again = take(answer, outcomes, what);
    const waitMs = Math.min(backoffMs, BACKOFF_MS.max) * (0.5 + Math.random() / 2);
    if (again.length === 0 || clock.nowMs() + waitMs >= endMs) {
      return entries.map((_, index) => outcomes[index] ?? unanswered(what));
    }
    open = again.sort((a, b) => a - b);
    await sleep(clock, waitMs);
  }
}

/** Writes down the outcomes, and answers which entries are worth another try. */
function take(
  { Successful = [], Failed = [] }: BatchAnswer,
  outcomes: (BatchSuccess | PolymqError)[],
  what: { readonly action: string; readonly target: string },
): number[] {
  const again: number[] = [];
  for (const success of Successful) outcomes[Number(success.Id)] = success;
  for (const failure of Failed) {
    outcomes[Number(failure.Id)] = entryError(what.action, what.target, failure);
    if (isBusy(failure.Code ?? '')) again.push(Number(failure.Id));
  }
  return again;
}

function unanswered(what: { readonly action: string; readonly target: string }): PolymqError {
  return new PolymqError(
    'engine-failed',
    `${what.action} of ${what.target}: the answer does not say what became of an entry`,
  );
}
