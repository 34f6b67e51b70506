/**
 * From what the core refuses to what AWS says: one row per code, for each of the two services. A new code of the core does not compile
 * without one. Anything that is no refusal is a bug of the broker and answered as its failure.
 */
import { BrokerError, type BrokerErrorCode } from '../../../core/errors.ts';
import { AwsError, type AwsErrorCode } from './aws-error.ts';

interface Row {
  readonly sqs: AwsErrorCode;
  readonly sns: AwsErrorCode;
  /** Instead of the core's own message, where programs compare it. */
  readonly message?: { readonly sqs: string; readonly sns: string };
}

const INVALID: Row = { sqs: 'InvalidParameterValue', sns: 'InvalidParameter' };
const NOT_FOUND: Row = { sqs: 'QueueDoesNotExist', sns: 'NotFound' };
const LIMIT: Row = { sqs: 'OverLimit', sns: 'TopicLimitExceeded' };
const CONFLICT: Row = { sqs: 'UnsupportedOperation', sns: 'InvalidParameter' };
const FORBIDDEN: Row = { sqs: 'AccessDenied', sns: 'AuthorizationError' };
const FAILURE: Row = { sqs: 'InternalFailure', sns: 'InternalError' };
/** The SDKs try again. */
const UNAVAILABLE: Row = { sqs: 'ServiceUnavailable', sns: 'ServiceUnavailable' };

const MISSING: Row = {
  ...NOT_FOUND,
  message: { sqs: 'The specified queue does not exist.', sns: 'Topic does not exist' },
};

const ROWS = {
  'unknown-stream': NOT_FOUND,
  'unknown-stream-id': NOT_FOUND,
  'unknown-partition': NOT_FOUND,
  'stream-exists': CONFLICT,
  'invalid-name': INVALID,
  'invalid-partitions': INVALID,
  'invalid-config': { sqs: 'InvalidAttributeValue', sns: 'InvalidParameter' },
  'invalid-request': INVALID,
  'limit-reached': LIMIT,
  unsupported: CONFLICT,
  'offset-out-of-range': INVALID,
  'stale-leader-epoch': UNAVAILABLE,
  'unknown-leader-epoch': UNAVAILABLE,
  'message-too-large': INVALID,
  'corrupt-batch': INVALID,
  'invalid-batch': INVALID,
  'invalid-timestamp': INVALID,
  'storage-full': UNAVAILABLE,
  'storage-failed': FAILURE,
  'damaged-range': FAILURE,
  'out-of-order-sequence': INVALID,
  'stale-producer-epoch': INVALID,
  'unknown-producer': INVALID,
  'unknown-group': INVALID,
  'invalid-group': INVALID,
  'group-not-empty': CONFLICT,
  'group-full': LIMIT,
  'group-subscribed': CONFLICT,
  'unknown-member': INVALID,
  'member-id-required': INVALID,
  'stale-generation': INVALID,
  rebalancing: UNAVAILABLE,
  'inconsistent-protocol': INVALID,
  'fenced-instance': INVALID,
  'invalid-session-timeout': INVALID,
  'offset-metadata-too-large': INVALID,
  'unknown-queue': MISSING,
  'queue-exists': { sqs: 'QueueNameExists', sns: 'InvalidParameter' },
  'queue-in-use': FORBIDDEN,
  'queue-not-empty': CONFLICT,
  'unknown-exchange': MISSING,
  'exchange-exists': { sqs: 'UnsupportedOperation', sns: 'InvalidParameter' },
  'exchange-in-use': CONFLICT,
  'invalid-binding': CONFLICT,
  stopping: UNAVAILABLE,
} as const satisfies Record<BrokerErrorCode, Row>;

/**
 * What a client is told about anything that was thrown. What is neither an `AwsError` nor a `BrokerError` is a bug: the client learns
 * nothing about it, and the caller logs it.
 */
export function toAwsError(error: unknown, service: string): AwsError {
  if (error instanceof AwsError) return error;
  const name = service === 'sns' ? 'sns' : 'sqs';
  if (!(error instanceof BrokerError)) {
    return new AwsError(FAILURE[name], 'The broker failed to answer; its log says why.', {
      cause: error,
    });
  }
  const row: Row = ROWS[error.code];
  const message = row.message?.[name] ?? sentence(error.message);
  return new AwsError(row[name], message, { cause: error });
}

/** The core's messages begin in lower case and end without a full stop. */
function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
