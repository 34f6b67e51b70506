/**
 * Every error that a core verb may answer, in one table. A protocol maps each code to its own form with
 * `satisfies Record<BrokerErrorCode, …>`, so a new row does not compile until all protocols answer it.
 */
interface ErrorRow {
  /** What it means, for `docs/reference/errors.md`. */
  doc: string;
  /** Whether the same call may succeed later without anything being changed by hand. */
  retriable: boolean;
}

const row = (doc: string, retriable = false): ErrorRow => ({ doc, retriable });

export const BROKER_ERRORS = {
  'unknown-stream': row('There is no stream (Kafka: topic) of that name.', true),
  'unknown-stream-id': row('There is no stream with that id; it may have been deleted.', true),
  'unknown-partition': row('The stream has no partition of that number.', true),
  'stream-exists': row('A stream of that name exists already.'),
  'invalid-name': row('The name is empty, too long or has a character outside [a-zA-Z0-9._-].'),
  'invalid-partitions': row('The number of partitions is not allowed, or lower than it is now.'),
  'invalid-config': row('A setting has an unknown name or a value outside its range.'),
  'invalid-request': row('The request contradicts itself or lacks something.'),
  'limit-reached': row('A limit of this broker would be exceeded, such as the number of streams.'),
  unsupported: row('This broker does not offer that operation.'),
  'offset-out-of-range': row('The offset lies outside what the partition holds.'),
  'stale-leader-epoch': row(
    'The client knows a leader epoch that is older than the partition.',
    true,
  ),
  'unknown-leader-epoch': row('The client knows a leader epoch that the broker does not.', true),
  'message-too-large': row('The batch is larger than the stream accepts.'),
  'corrupt-batch': row('The batch does not match its checksum.', true),
  'invalid-batch': row('The batch is malformed, or would decompress to more than is allowed.'),
  'invalid-timestamp': row('The timestamp lies outside what the stream accepts.'),
  'storage-full': row('The disk has no room for more; consumers and deletes go on.', true),
  'storage-failed': row('The log has stopped after a storage error; restart the broker.', true),
  'damaged-range': row('The records at this offset are damaged on disk and are not served.'),
  'out-of-order-sequence': row('An idempotent producer skipped a sequence number.'),
  'stale-producer-epoch': row('A newer producer with the same id has taken over.'),
  'unknown-producer': row('The broker holds no state for this producer id.'),
  'unknown-group': row('There is no consumer group of that name.'),
  'invalid-group': row('The group name is empty or too long.'),
  'group-not-empty': row('The group still has members.'),
  'group-full': row('The group has as many members as it may have.'),
  'group-subscribed': row('The group is subscribed to the stream, so its offsets are in use.'),
  'unknown-member': row('The group does not know this member: join again.'),
  'member-id-required': row('Join again with the member id that was just assigned.', true),
  'stale-generation': row('The member speaks of a generation that is over: join again.'),
  rebalancing: row('The group is rebalancing: join again.', true),
  'inconsistent-protocol': row('The member shares no assignment protocol with the group.'),
  'fenced-instance': row('Another member has taken over this static instance id.'),
  'invalid-session-timeout': row('The session timeout lies outside what the broker allows.'),
  'offset-metadata-too-large': row('The text beside a committed offset is too long.'),
  stopping: row('The broker is shutting down.', true),
} as const satisfies Record<string, ErrorRow>;

export type BrokerErrorCode = keyof typeof BROKER_ERRORS;

/** An expected failure of a core verb. The message says what and which, and what to do next. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BrokerError';
    this.code = code;
  }
}
