/** Errors of the core in the words of the SDK. */
import { type ClientErrorCode, PolymqError } from '@polymq/client';
import { BrokerError, type BrokerErrorCode } from '../core/errors.ts';

const CODES: Readonly<Record<BrokerErrorCode, ClientErrorCode>> = {
  'unknown-stream': 'not-found',
  'unknown-stream-id': 'not-found',
  'unknown-partition': 'not-found',
  'stream-exists': 'declared-otherwise',
  'invalid-name': 'invalid-argument',
  'invalid-partitions': 'invalid-argument',
  'invalid-config': 'invalid-argument',
  'invalid-request': 'invalid-argument',
  'limit-reached': 'engine-failed',
  unsupported: 'unsupported',
  'offset-out-of-range': 'invalid-argument',
  'stale-leader-epoch': 'engine-failed',
  'unknown-leader-epoch': 'engine-failed',
  'message-too-large': 'message-too-large',
  'corrupt-batch': 'engine-failed',
  'invalid-batch': 'engine-failed',
  'invalid-timestamp': 'invalid-argument',
  'storage-full': 'storage-full',
  'storage-failed': 'engine-failed',
  'damaged-range': 'engine-failed',
  'out-of-order-sequence': 'engine-failed',
  'stale-producer-epoch': 'engine-failed',
  'unknown-producer': 'engine-failed',
  'unknown-group': 'not-found',
  'invalid-group': 'invalid-argument',
  'group-not-empty': 'invalid-argument',
  'group-full': 'engine-failed',
  'group-subscribed': 'invalid-argument',
  'unknown-member': 'engine-failed',
  'member-id-required': 'engine-failed',
  'stale-generation': 'engine-failed',
  rebalancing: 'engine-failed',
  'inconsistent-protocol': 'declared-otherwise',
  'fenced-instance': 'engine-failed',
  'invalid-session-timeout': 'invalid-argument',
  'offset-metadata-too-large': 'invalid-argument',
  'unknown-queue': 'not-found',
  'queue-exists': 'declared-otherwise',
  'queue-in-use': 'engine-failed',
  'queue-not-empty': 'engine-failed',
  'unknown-exchange': 'not-found',
  'exchange-exists': 'declared-otherwise',
  'exchange-in-use': 'engine-failed',
  'invalid-binding': 'invalid-argument',
  stopping: 'closed',
};

/** The error as the SDK throws it, with the original as its cause. `what` was tried: `send to queue "orders"`. */
export function clientError(error: unknown, what: string): PolymqError {
  if (error instanceof PolymqError) return error;
  const code = error instanceof BrokerError ? (CODES[error.code] ?? 'engine-failed') : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  return new PolymqError(code ?? 'engine-failed', `could not ${what}: ${reason}`, { cause: error });
}

export function closedError(what: string): PolymqError {
  return new PolymqError('closed', `could not ${what}: the client has been closed`);
}
