/**
 * What MQTT says when the core refuses something: its errors as reason codes, one row per code. What breaks the rules of the
 * wire is an `MqttError` from the beginning.
 */
import { BrokerError, type BrokerErrorCode } from '../../core/errors.ts';
import { MqttError, type ReasonName } from './codec/index.ts';

/** A new core code does not compile until it has a row here. */
const REASON_OF = {
  'unknown-stream': 'unspecifiedError',
  'unknown-stream-id': 'unspecifiedError',
  'unknown-partition': 'unspecifiedError',
  'stream-exists': 'unspecifiedError',
  'invalid-name': 'topicNameInvalid',
  'invalid-partitions': 'unspecifiedError',
  'invalid-config': 'implementationSpecificError',
  'invalid-request': 'implementationSpecificError',
  'limit-reached': 'quotaExceeded',
  unsupported: 'implementationSpecificError',
  'offset-out-of-range': 'unspecifiedError',
  'stale-leader-epoch': 'unspecifiedError',
  'unknown-leader-epoch': 'unspecifiedError',
  'message-too-large': 'packetTooLarge',
  'corrupt-batch': 'unspecifiedError',
  'invalid-batch': 'unspecifiedError',
  'invalid-timestamp': 'unspecifiedError',
  'storage-full': 'quotaExceeded',
  'storage-failed': 'unspecifiedError',
  'damaged-range': 'unspecifiedError',
  'unknown-queue': 'unspecifiedError',
  'queue-exists': 'unspecifiedError',
  'queue-in-use': 'unspecifiedError',
  'queue-not-empty': 'unspecifiedError',
  'unknown-exchange': 'unspecifiedError',
  'exchange-exists': 'unspecifiedError',
  'exchange-in-use': 'unspecifiedError',
  'invalid-binding': 'topicFilterInvalid',
  stopping: 'serverShuttingDown',
  // No MQTT packet reaches a group or an idempotent producer.
  'out-of-order-sequence': 'unspecifiedError',
  'stale-producer-epoch': 'unspecifiedError',
  'unknown-producer': 'unspecifiedError',
  'unknown-group': 'unspecifiedError',
  'invalid-group': 'unspecifiedError',
  'group-not-empty': 'unspecifiedError',
  'group-full': 'unspecifiedError',
  'group-subscribed': 'unspecifiedError',
  'unknown-member': 'unspecifiedError',
  'member-id-required': 'unspecifiedError',
  'stale-generation': 'unspecifiedError',
  rebalancing: 'unspecifiedError',
  'inconsistent-protocol': 'unspecifiedError',
  'fenced-instance': 'unspecifiedError',
  'invalid-session-timeout': 'unspecifiedError',
  'offset-metadata-too-large': 'unspecifiedError',
} as const satisfies Record<BrokerErrorCode, ReasonName>;

/** Expected errors in MQTT's form; anything else is a bug and stays what it is. */
export function asMqttError(error: unknown): unknown {
  if (!(error instanceof BrokerError)) return error;
  return new MqttError(REASON_OF[error.code], error.message, { cause: error });
}
