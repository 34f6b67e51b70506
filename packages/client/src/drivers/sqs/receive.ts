/** One ReceiveMessage, and the deliveries it brings. */
import type { Aws } from './aws.ts';
import { type DeliveryOwner, SqsDelivery } from './delivery.ts';
import { BATCH_ENTRIES_MAX, VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX } from './limits.ts';
import type { ReceivedMessage } from './message-format.ts';
import type { QueuePlace } from './places.ts';

/** What an answer may take to get here; who settles in the last moments of a lease is too late. */
const UNDER_WAY_MS = 250;

export interface Fetch {
  /** Up to ten are asked for. */
  readonly max: number;
  /** Rounded up to whole seconds, up to 20. */
  readonly waitMs: number;
  readonly leaseMs: number;
  /** Cuts it off, whatever was leased to it (`polls.ts`). */
  readonly signal?: AbortSignal | undefined;
  readonly owner?: DeliveryOwner | undefined;
}

export async function fetchOnce(
  aws: Aws,
  place: QueuePlace,
  { max, waitMs, leaseMs, signal, owner }: Fetch,
): Promise<SqsDelivery[]> {
  const VisibilityTimeout = visibilitySeconds(leaseMs);
  const WaitTimeSeconds = Math.min(WAIT_SECONDS_MAX, Math.ceil(waitMs / 1000));
  const input = {
    QueueUrl: place.url,
    MaxNumberOfMessages: Math.min(max, BATCH_ENTRIES_MAX),
    VisibilityTimeout,
    WaitTimeSeconds,
    MessageAttributeNames: ['All'],
    // Older engines know these by the first name only, and those of today know both.
    AttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
  };
  const answer = await aws.sqs<{ readonly Messages?: readonly ReceivedMessage[] }>(
    'ReceiveMessage',
    input,
    { target: place.name, signal, waitMs: WaitTimeSeconds * 1000 },
  );
  const lasts = VisibilityTimeout * 1000;
  // It began when the engine handed the messages out, so a little before they came.
  const underWayMs = Math.min(UNDER_WAY_MS, lasts / 10);
  const lease = { leaseMs: lasts, leaseEndMs: aws.context.clock.nowMs() + lasts - underWayMs };
  return (answer.Messages ?? []).map((message) => {
    const unseen = aws.unseen.of(message.MessageId ?? '');
    return new SqsDelivery(message, { ...lease, place, owner, unseen });
  });
}

function visibilitySeconds(leaseMs: number): number {
  return Math.min(VISIBILITY_SECONDS_MAX, Math.max(1, Math.ceil(leaseMs / 1000)));
}
