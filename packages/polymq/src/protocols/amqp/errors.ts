/**
 * What AMQP says when something does not go: the core's errors as reply codes, one row per code, and the error that
 * handlers throw. A soft one closes the channel, a hard one the connection (`codec/reply-code.ts`).
 */
import { BrokerError, type BrokerErrorCode } from '../../core/errors.ts';
import { REPLY_CODE, REPLY_NAME } from './codec/reply-code.ts';

type ReplyName = keyof typeof REPLY_CODE;

/** A new core code does not compile until it has a row here. */
const REPLY_OF = {
  'unknown-stream': 'notFound',
  'unknown-stream-id': 'notFound',
  'unknown-partition': 'notFound',
  'stream-exists': 'preconditionFailed',
  'invalid-name': 'preconditionFailed',
  'invalid-partitions': 'preconditionFailed',
  'invalid-config': 'preconditionFailed',
  'invalid-request': 'preconditionFailed',
  'limit-reached': 'resourceError',
  unsupported: 'notImplemented',
  'offset-out-of-range': 'preconditionFailed',
  'stale-leader-epoch': 'internalError',
  'unknown-leader-epoch': 'internalError',
  'message-too-large': 'preconditionFailed',
  'corrupt-batch': 'internalError',
  'invalid-batch': 'preconditionFailed',
  'invalid-timestamp': 'preconditionFailed',
  'storage-full': 'resourceError',
  'storage-failed': 'internalError',
  'damaged-range': 'internalError',
  'unknown-queue': 'notFound',
  'queue-exists': 'preconditionFailed',
  'queue-in-use': 'preconditionFailed',
  'queue-not-empty': 'preconditionFailed',
  'unknown-exchange': 'notFound',
  'exchange-exists': 'preconditionFailed',
  'exchange-in-use': 'preconditionFailed',
  'invalid-binding': 'preconditionFailed',
  stopping: 'connectionForced',
  // No AMQP method reaches a group or an idempotent producer.
  'out-of-order-sequence': 'internalError',
  'stale-producer-epoch': 'internalError',
  'unknown-producer': 'internalError',
  'unknown-group': 'internalError',
  'invalid-group': 'internalError',
  'group-not-empty': 'internalError',
  'group-full': 'internalError',
  'group-subscribed': 'internalError',
  'unknown-member': 'internalError',
  'member-id-required': 'internalError',
  'stale-generation': 'internalError',
  rebalancing: 'internalError',
  'inconsistent-protocol': 'internalError',
  'fenced-instance': 'internalError',
  'invalid-session-timeout': 'internalError',
  'offset-metadata-too-large': 'internalError',
} as const satisfies Record<BrokerErrorCode, ReplyName>;

/** The channel, or the whole connection, cannot go on. The text is RabbitMQ's: `NOT_FOUND - no queue 'a' in vhost '/'`. */
export class AmqpError extends Error {
  readonly replyCode: number;
  readonly replyText: string;

  constructor(reply: ReplyName, text: string, options?: ErrorOptions) {
    const replyCode = REPLY_CODE[reply];
    const replyText = `${REPLY_NAME[replyCode]} - ${text}`;
    super(replyText, options);
    this.name = 'AmqpError';
    this.replyCode = replyCode;
    this.replyText = replyText;
  }
}

/** Whether the core has refused something for that reason. */
export function isBrokerError(error: unknown, code: BrokerErrorCode): boolean {
  return error instanceof BrokerError && error.code === code;
}

/** Expected errors in AMQP's form; anything else is a bug and stays what it is. */
export function asAmqpError(error: unknown): unknown {
  if (!(error instanceof BrokerError)) return error;
  return new AmqpError(REPLY_OF[error.code], error.message, { cause: error });
}
