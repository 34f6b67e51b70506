/**
 * Names of OpenTelemetry's semantic conventions for messaging, in the one place where they can change: the conventions are not stable
 * yet. As of version 1.43 (opentelemetry.io/docs/specs/semconv/messaging).
 */
export const CONVENTIONS_VERSION = '1.43.0';

export const ATTRIBUTE = {
  system: 'messaging.system',
  destination: 'messaging.destination.name',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  messageId: 'messaging.message.id',
  conversationId: 'messaging.message.conversation_id',
  bodyBytes: 'messaging.message.body.size',
  batchCount: 'messaging.batch.message_count',
  group: 'messaging.consumer.group.name',
  partition: 'messaging.destination.partition.id',
  errorType: 'error.type',
  /** Ours: how many attempts came before. */
  retryCount: 'polymq.message.retry_count',
  /** Ours: what became of a message: `ack`, `retry`, `dead-letter`, `lost`. */
  outcome: 'polymq.message.outcome',
} as const;

export const METRIC = {
  /** Histogram, s: sends and publishes. */
  operationDuration: 'messaging.client.operation.duration',
  /** Counter: messages sent. */
  sent: 'messaging.client.sent.messages',
  /** Counter: messages handed to handlers. */
  consumed: 'messaging.client.consumed.messages',
  /** Histogram, s: handlers. */
  processDuration: 'messaging.process.duration',
  /** Counter, ours: what became of messages. */
  settled: 'polymq.client.settled.messages',
} as const;

/** Bucket bounds that the conventions advise, in s. */
export const DURATION_BOUNDS_S: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];
