import type { Duration } from '../lib/duration.ts';

/** A message as a handler gets it. */
export interface Message<T = unknown> {
  readonly id: string;
  /** Decoded, validated and brought up to the newest version, if there is a contract. */
  readonly data: T;
  readonly type: string | undefined;
  /** Application headers. What the SDK keeps for itself (`polymq-…`) is not among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  /** When the sender made it, ms since the epoch. */
  readonly timestamp: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  /**
   * How many attempts have failed before this one: 0 on the first delivery. Survives restarts for messages of queues; for records of
   * topics it is counted anew by whoever reads the partition next.
   */
  readonly retryCount: number;
  /** What the failed attempts ended with, newest first, at most ten. */
  readonly errors: readonly AttemptError[];
  /** How often it was moved back from a dead-letter queue. */
  readonly redriven: number;
  /** The queue or topic it came from. */
  readonly source: string;
  /** Of a topic's record; undefined for a queue's message. */
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Aborts when the lease is lost or the consumer is closed without waiting: stop working on it. */
  readonly signal: AbortSignal;
  /** Done with. Resolves when the engine has it, where the engine confirms. Does nothing the second time. */
  ack(): Promise<void>;
  /**
   * This attempt failed: the message comes again after `delay` (missing: the backoff of the queue's retry option), or
   * goes to the dead-letter queue when it has used up its retries. `reason` is kept with it.
   */
  nack(options?: NackOptions): Promise<void>;
  /** Lasts `by` longer (missing: the queue's lease). Needed only when `receive` was used: consumers do it by themselves. */
  extend(by?: Duration): Promise<void>;
  /** Straight to the dead-letter queue, with the reason. */
  reject(reason?: unknown): Promise<void>;
  /** Answers the sender, who waits at `replyTo`. Throws `invalid-argument` if nobody does. */
  reply(data: unknown): Promise<void>;
}

export interface NackOptions {
  delay?: Duration;
  /** An error or a text. */
  reason?: unknown;
}

/** One failed attempt. */
export interface AttemptError {
  /** Ms since the epoch. */
  readonly at: number;
  readonly name: string;
  readonly message: string;
}

export type Handler<T = unknown> = (message: Message<T>) => unknown;
