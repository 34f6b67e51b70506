/**
 * From the core's errors to Kafka's: one row per code, and the helpers that handlers answer with.
 * Numbers and messages are those of Kafka's own table, in `error-codes.ts`.
 */
import { BrokerError, type BrokerErrorCode } from '../../core/errors.ts';
import { KAFKA_ERRORS, type KafkaErrorName } from './error-codes.ts';

/** How Kafka says what the core says. A new core code does not compile until it has a row here. */
const KAFKA_ERROR_OF = {
  'unknown-stream': 'UNKNOWN_TOPIC_OR_PARTITION',
  'unknown-stream-id': 'UNKNOWN_TOPIC_ID',
  'unknown-partition': 'UNKNOWN_TOPIC_OR_PARTITION',
  'stream-exists': 'TOPIC_ALREADY_EXISTS',
  'invalid-name': 'INVALID_TOPIC_EXCEPTION',
  'invalid-partitions': 'INVALID_PARTITIONS',
  'invalid-config': 'INVALID_CONFIG',
  'invalid-request': 'INVALID_REQUEST',
  'limit-reached': 'POLICY_VIOLATION',
  unsupported: 'INVALID_REQUEST',
  'offset-out-of-range': 'OFFSET_OUT_OF_RANGE',
  'stale-leader-epoch': 'FENCED_LEADER_EPOCH',
  'unknown-leader-epoch': 'UNKNOWN_LEADER_EPOCH',
  'message-too-large': 'MESSAGE_TOO_LARGE',
  'corrupt-batch': 'CORRUPT_MESSAGE',
  'invalid-batch': 'INVALID_RECORD',
  'invalid-timestamp': 'INVALID_TIMESTAMP',
  'storage-full': 'KAFKA_STORAGE_ERROR',
  'storage-failed': 'KAFKA_STORAGE_ERROR',
  // Consumers stop at the damage with an error of their own instead of retrying for ever.
  'damaged-range': 'CORRUPT_MESSAGE',
  'out-of-order-sequence': 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'stale-producer-epoch': 'INVALID_PRODUCER_EPOCH',
  'unknown-producer': 'UNKNOWN_PRODUCER_ID',
  'unknown-group': 'GROUP_ID_NOT_FOUND',
  'invalid-group': 'INVALID_GROUP_ID',
  'group-not-empty': 'NON_EMPTY_GROUP',
  'group-full': 'GROUP_MAX_SIZE_REACHED',
  'group-subscribed': 'GROUP_SUBSCRIBED_TO_TOPIC',
  'unknown-member': 'UNKNOWN_MEMBER_ID',
  'member-id-required': 'MEMBER_ID_REQUIRED',
  'stale-generation': 'ILLEGAL_GENERATION',
  rebalancing: 'REBALANCE_IN_PROGRESS',
  'inconsistent-protocol': 'INCONSISTENT_GROUP_PROTOCOL',
  'fenced-instance': 'FENCED_INSTANCE_ID',
  'invalid-session-timeout': 'INVALID_SESSION_TIMEOUT',
  'offset-metadata-too-large': 'OFFSET_METADATA_TOO_LARGE',
  // No Kafka request reaches a queue or an exchange.
  'unknown-queue': 'INVALID_REQUEST',
  'queue-exists': 'INVALID_REQUEST',
  'queue-in-use': 'INVALID_REQUEST',
  'queue-not-empty': 'INVALID_REQUEST',
  'unknown-exchange': 'INVALID_REQUEST',
  'exchange-exists': 'INVALID_REQUEST',
  'exchange-in-use': 'INVALID_REQUEST',
  'invalid-binding': 'INVALID_REQUEST',
  stopping: 'COORDINATOR_NOT_AVAILABLE',
} as const satisfies Record<BrokerErrorCode, KafkaErrorName>;

export const NONE = 0;

/** The wire number of a core error code; 0 for `undefined`, which is success. */
export function errorCodeOf(code: BrokerErrorCode | undefined): number {
  return code === undefined ? NONE : KAFKA_ERRORS[KAFKA_ERROR_OF[code]].code;
}

/**
 * The same for the group APIs. Their clients know no storage errors: they look for the coordinator again and
 * retry, which is right for a disk that may have room later.
 */
export function groupErrorCodeOf(code: BrokerErrorCode | undefined): number {
  const unavailable = code === 'storage-full' || code === 'storage-failed';
  return unavailable ? KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE.code : errorCodeOf(code);
}

export function kafkaCode(name: KafkaErrorName): number {
  return KAFKA_ERRORS[name].code;
}

/** What a response says of a failure: the wire number, and a sentence where the API has room for it. */
export interface Failure {
  errorCode: number;
  errorMessage: string;
}

/** Turns an expected error into its wire form. Anything else is a bug and is thrown on. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof BrokerError)) throw error;
  return { errorCode: errorCodeOf(error.code), errorMessage: error.message };
}

/** `failureOf` for the group APIs. */
export function groupFailureOf(error: unknown): Failure {
  if (!(error instanceof BrokerError)) throw error;
  return { errorCode: groupErrorCodeOf(error.code), errorMessage: error.message };
}
