/** The options of queues by name; see `checkOptions`. */
import type { QueueLimit } from '../driver/driver.ts';
import type { OptionNames } from '../lib/known-options.ts';
import type {
  BatchItem,
  ConsumeOptions,
  QueueOptions,
  ReceiveBatchOptions,
  RetryOptions,
} from './queue.ts';

export const QUEUE_OPTIONS: OptionNames<QueueOptions> = {
  retry: true,
  deadLetter: true,
  fifo: true,
  priorities: true,
  ttl: true,
  lease: true,
  leaseMax: true,
  limit: true,
  durable: true,
  declare: true,
  delivery: true,
  contract: true,
  interceptors: true,
  storedErrors: true,
  requires: true,
};

export const LIMIT_OPTIONS: OptionNames<QueueLimit> = {
  messages: true,
  bytes: true,
  overflow: true,
};

export const RETRY_OPTIONS: OptionNames<RetryOptions> = {
  max: true,
  backoff: true,
  base: true,
  cap: true,
  jitter: true,
};

/** Of a send, and of an item of a batch. */
export const SEND_OPTIONS: OptionNames<BatchItem> = {
  data: true,
  id: true,
  key: true,
  type: true,
  headers: true,
  delay: true,
  priority: true,
  dedupe: true,
  ttl: true,
  correlationId: true,
  replyTo: true,
  timeout: true,
};

export const RECEIVE_OPTIONS: OptionNames<ReceiveBatchOptions> = {
  max: true,
  wait: true,
  signal: true,
};

export const CONSUME_OPTIONS: OptionNames<ConsumeOptions> = {
  concurrency: true,
  prefetch: true,
  onError: true,
  signal: true,
};
