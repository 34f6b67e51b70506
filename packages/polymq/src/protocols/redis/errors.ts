/**
 * What Redis clients are told when something does not go: Redis's own words where it has any. Every text begins with a code
 * in capitals, which is what programs look at: `ERR` mostly, `OOM` and `MISCONF` when the broker is short of something.
 */
import { BrokerError, type BrokerErrorCode } from '../../core/errors.ts';

/** A command that fails. The text starts with its code: `ERR syntax error`. */
export class CommandError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'CommandError';
  }
}

export const SYNTAX_ERROR = 'ERR syntax error';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';

/** What PUBLISH answers instead of a count; negative, so that both fit one list. */
export const REFUSAL = { full: -1, memory: -2, disk: -3, failed: -4 } as const;

export const REFUSAL_TEXT: Readonly<Record<number, string>> = {
  [REFUSAL.full]:
    'OOM a queue that is bound to this channel is full and refuses messages; consume from it, or raise its limit',
  [REFUSAL.memory]:
    "OOM command not allowed when used memory > 'maxmemory': PolyMQ is low on memory and this channel leads to a queue or stream; consume from its queues",
  [REFUSAL.disk]:
    'MISCONF PolyMQ is low on disk space and this channel leads to a queue or stream; free space in its data folder',
  [REFUSAL.failed]:
    'ERR a queue or stream that is bound to this channel has not taken the message; the log of PolyMQ says why',
};

/** A new core code does not compile until it has a row here. */
const CODE_OF = {
  'unknown-stream': 'ERR',
  'unknown-stream-id': 'ERR',
  'unknown-partition': 'ERR',
  'stream-exists': 'ERR',
  'invalid-name': 'ERR',
  'invalid-partitions': 'ERR',
  'invalid-config': 'ERR',
  'invalid-request': 'ERR',
  'limit-reached': 'ERR',
  unsupported: 'ERR',
  'offset-out-of-range': 'ERR',
  'stale-leader-epoch': 'ERR',
  'unknown-leader-epoch': 'ERR',
  'message-too-large': 'ERR',
  'corrupt-batch': 'ERR',
  'invalid-batch': 'ERR',
  'invalid-timestamp': 'ERR',
  'storage-full': 'MISCONF',
  'storage-failed': 'MISCONF',
  'damaged-range': 'ERR',
  'unknown-queue': 'ERR',
  'queue-exists': 'ERR',
  'queue-in-use': 'ERR',
  'queue-not-empty': 'ERR',
  'unknown-exchange': 'ERR',
  'exchange-exists': 'ERR',
  'exchange-in-use': 'ERR',
  'invalid-binding': 'ERR',
  stopping: 'ERR',
  'out-of-order-sequence': 'ERR',
  'stale-producer-epoch': 'ERR',
  'unknown-producer': 'ERR',
  'unknown-group': 'ERR',
  'invalid-group': 'ERR',
  'group-not-empty': 'ERR',
  'group-full': 'ERR',
  'group-subscribed': 'ERR',
  'unknown-member': 'ERR',
  'member-id-required': 'ERR',
  'stale-generation': 'ERR',
  rebalancing: 'ERR',
  'inconsistent-protocol': 'ERR',
  'fenced-instance': 'ERR',
  'invalid-session-timeout': 'ERR',
  'offset-metadata-too-large': 'ERR',
} as const satisfies Record<BrokerErrorCode, 'ERR' | 'MISCONF'>;

/** The text for an expected error; undefined for a bug. */
export function textOf(error: unknown): string | undefined {
  if (error instanceof CommandError) return error.message;
  if (error instanceof BrokerError) return `${CODE_OF[error.code]} ${error.message}`;
  return undefined;
}
