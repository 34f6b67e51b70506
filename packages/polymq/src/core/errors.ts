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

export const BROKER_ERRORS = {
  'unknown-stream': { doc: 'There is no stream (Kafka: topic) of that name.', retriable: true },
  'unknown-stream-id': {
    doc: 'There is no stream with that id; it may have been deleted.',
    retriable: true,
  },
  'unknown-partition': { doc: 'The stream has no partition of that number.', retriable: true },
  'stream-exists': { doc: 'A stream of that name exists already.', retriable: false },
  'invalid-name': {
    doc: 'The name is empty, too long or has a character outside [a-zA-Z0-9._-].',
    retriable: false,
  },
  'invalid-partitions': {
    doc: 'The number of partitions is not allowed, or lower than it is now.',
    retriable: false,
  },
  'invalid-config': {
    doc: 'A setting has an unknown name or a value outside its range.',
    retriable: false,
  },
  'invalid-request': {
    doc: 'The request contradicts itself or lacks something.',
    retriable: false,
  },
  'limit-reached': {
    doc: 'A limit of this broker would be exceeded, such as the number of streams.',
    retriable: false,
  },
  unsupported: { doc: 'This broker does not offer that operation.', retriable: false },
  'offset-out-of-range': {
    doc: 'The offset lies outside what the partition holds.',
    retriable: false,
  },
  'stale-leader-epoch': {
    doc: 'The client knows a leader epoch that is older than the partition.',
    retriable: true,
  },
  'unknown-leader-epoch': {
    doc: 'The client knows a leader epoch that the broker does not.',
    retriable: true,
  },
  'message-too-large': { doc: 'The batch is larger than the stream accepts.', retriable: false },
  'corrupt-batch': { doc: 'The batch does not match its checksum.', retriable: true },
  'invalid-batch': {
    doc: 'The batch is malformed, or would decompress to more than is allowed.',
    retriable: false,
  },
  'invalid-timestamp': {
    doc: 'The timestamp lies outside what the stream accepts.',
    retriable: false,
  },
  'storage-full': {
    doc: 'The disk has no room for more; consumers and deletes go on.',
    retriable: true,
  },
  'storage-failed': {
    doc: 'The log has stopped after a storage error; restart the broker.',
    retriable: true,
  },
  'damaged-range': {
    doc: 'The records at this offset are damaged on disk and are not served.',
    retriable: false,
  },
  'out-of-order-sequence': {
    doc: 'An idempotent producer skipped a sequence number.',
    retriable: false,
  },
  'stale-producer-epoch': {
    doc: 'A newer producer with the same id has taken over.',
    retriable: false,
  },
  'unknown-producer': { doc: 'The broker holds no state for this producer id.', retriable: false },
  'unknown-group': { doc: 'There is no consumer group of that name.', retriable: false },
  'invalid-group': { doc: 'The group name is empty or too long.', retriable: false },
  'group-not-empty': { doc: 'The group still has members.', retriable: false },
  'group-full': { doc: 'The group has as many members as it may have.', retriable: false },
  'group-subscribed': {
    doc: 'The group is subscribed to the stream, so its offsets are in use.',
    retriable: false,
  },
  'unknown-member': { doc: 'The group does not know this member: join again.', retriable: false },
  'member-id-required': {
    doc: 'Join again with the member id that was just assigned.',
    retriable: true,
  },
  'stale-generation': {
    doc: 'The member speaks of a generation that is over: join again.',
    retriable: false,
  },
  rebalancing: { doc: 'The group is rebalancing: join again.', retriable: true },
  'inconsistent-protocol': {
    doc: 'The member shares no assignment protocol with the group.',
    retriable: false,
  },
  'fenced-instance': {
    doc: 'Another member has taken over this static instance id.',
    retriable: false,
  },
  'invalid-session-timeout': {
    doc: 'The session timeout lies outside what the broker allows.',
    retriable: false,
  },
  'offset-metadata-too-large': {
    doc: 'The text beside a committed offset is too long.',
    retriable: false,
  },
  'unknown-queue': { doc: 'There is no queue of that name.', retriable: false },
  'queue-exists': { doc: 'A queue of that name exists already.', retriable: false },
  'queue-in-use': {
    doc: 'The queue has consumers, or an exclusive one, or belongs to another connection.',
    retriable: false,
  },
  'queue-not-empty': { doc: 'The queue still has messages.', retriable: false },
  'unknown-exchange': { doc: 'There is no exchange of that name.', retriable: false },
  'exchange-exists': { doc: 'An exchange of that name exists already.', retriable: false },
  'exchange-in-use': { doc: 'The exchange still has bindings.', retriable: false },
  'invalid-binding': {
    doc: 'The binding has arguments that its exchange cannot use, or would make a loop.',
    retriable: false,
  },
  stopping: { doc: 'The broker is shutting down.', retriable: true },
} as const;

// `satisfies` would hide the literal keys from isolated declarations.
void (BROKER_ERRORS satisfies Record<string, ErrorRow>);

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
