/**
 * What STOMP says when the core refuses something: RabbitMQ's name for the error in the header `message`, and its words in the
 * body, `NOT_FOUND - no queue 'a' in vhost '/'`.
 */
import { BrokerError, type BrokerErrorCode } from '../../core/errors.ts';
import { StompError } from './codec/stomp-error.ts';

export type Refusal =
  | 'access_refused'
  | 'connection_forced'
  | 'internal_error'
  | 'not_found'
  | 'not_implemented'
  | 'precondition_failed'
  | 'resource_error'
  | 'resource_locked';

/** A new core code does not compile until it has a row here. */
const REFUSAL_OF = {
  'unknown-stream': 'not_found',
  'unknown-stream-id': 'not_found',
  'unknown-partition': 'not_found',
  'stream-exists': 'precondition_failed',
  'invalid-name': 'precondition_failed',
  'invalid-partitions': 'precondition_failed',
  'invalid-config': 'precondition_failed',
  'invalid-request': 'precondition_failed',
  'limit-reached': 'resource_error',
  unsupported: 'not_implemented',
  'offset-out-of-range': 'precondition_failed',
  'stale-leader-epoch': 'internal_error',
  'unknown-leader-epoch': 'internal_error',
  'message-too-large': 'precondition_failed',
  'corrupt-batch': 'internal_error',
  'invalid-batch': 'precondition_failed',
  'invalid-timestamp': 'precondition_failed',
  'storage-full': 'resource_error',
  'storage-failed': 'internal_error',
  'damaged-range': 'internal_error',
  'unknown-queue': 'not_found',
  'queue-exists': 'precondition_failed',
  'queue-in-use': 'access_refused',
  'queue-not-empty': 'precondition_failed',
  'unknown-exchange': 'not_found',
  'exchange-exists': 'precondition_failed',
  'exchange-in-use': 'precondition_failed',
  'invalid-binding': 'precondition_failed',
  stopping: 'connection_forced',
  // No STOMP frame reaches a group or an idempotent producer.
  'out-of-order-sequence': 'internal_error',
  'stale-producer-epoch': 'internal_error',
  'unknown-producer': 'internal_error',
  'unknown-group': 'internal_error',
  'invalid-group': 'internal_error',
  'group-not-empty': 'internal_error',
  'group-full': 'internal_error',
  'group-subscribed': 'internal_error',
  'unknown-member': 'internal_error',
  'member-id-required': 'internal_error',
  'stale-generation': 'internal_error',
  rebalancing: 'internal_error',
  'inconsistent-protocol': 'internal_error',
  'fenced-instance': 'internal_error',
  'invalid-session-timeout': 'internal_error',
  'offset-metadata-too-large': 'internal_error',
} as const satisfies Record<BrokerErrorCode, Refusal>;

/** An error in RabbitMQ's form. */
export function refused(refusal: Refusal, text: string): StompError {
  return new StompError(refusal, `${refusal.toUpperCase()} - ${text}`);
}

/** Whether the core has refused something for that reason. */
export function isBrokerError(error: unknown, code: BrokerErrorCode): boolean {
  return error instanceof BrokerError && error.code === code;
}

/** Expected errors in STOMP's form; anything else is a bug and stays what it is. */
export function asStompError(error: unknown): unknown {
  if (!(error instanceof BrokerError)) return error;
  return refused(REFUSAL_OF[error.code], error.message);
}
