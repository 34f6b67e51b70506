/** Queues as programs see them: every message to one consumer, kept until that one acknowledges it. */
import type { Capability } from '../driver/capabilities.ts';
import type { QueueLimit, QueueStats } from '../driver/driver.ts';
import type { PolymqError } from '../errors.ts';
import type { Duration } from '../lib/duration.ts';
import type { StoredErrors } from '../message/attempts.ts';
import type { MessageContract } from '../message/contract.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { Handler, Message } from '../message/message.ts';

export interface Queue<T = unknown> {
  readonly name: string;
  /** Resolves when the queue is declared at the engine. Everything else waits for that by itself. */
  ready(): Promise<void>;
  /** Resolves when the engine has the message durably. A received message is forwarded: data, headers, key and type. */
  send(data: T | Message<T>, options?: SendOptions): Promise<Sent>;
  /** One outcome per item, in order; the promise rejects only if nothing can be sent at all. */
  sendBatch(items: readonly BatchItem<T>[]): Promise<BatchOutcome[]>;
  /** The next message, leased to the caller; `undefined` when none came within `wait` (0 if missing). */
  receive(options?: ReceiveOptions): Promise<Message<T> | undefined>;
  /** Up to `max` messages; waits for the first only. */
  receiveBatch(options: ReceiveBatchOptions): Promise<Message<T>[]>;
  /** Hands every message to the handler: return acknowledges, throw retries with backoff and then dead-letters. */
  consume(handler: Handler<T>, options?: ConsumeOptions): Consumer;
  /** The same as a loop: going to the next message acknowledges the last one unless it was settled; `break` gives it back. */
  messages(options?: ConsumeOptions): AsyncIterableIterator<Message<T>>;
  readonly deadLetters: DeadLetters<T>;
  stats(): Promise<QueueStats>;
  /** Removes the waiting messages; how many, where the engine says. */
  purge(): Promise<number | undefined>;
  /** Deletes the queue with its messages; not its dead-letter queue. */
  delete(): Promise<void>;
}

export interface QueueOptions<T = unknown> {
  /** Missing: three retries, exponential from one second. `false`: the first failure is final. */
  retry?: RetryOptions | false;
  /** Where messages end that have used up their retries. Missing: `<name>-dlq`. `false`: they are dropped. */
  deadLetter?: string | false;
  /** Order per `key`: one message of a key at a time. */
  fifo?: boolean;
  /** Priorities 0 to this, at most 255. Missing: 9 where the engine has priorities, and not with `fifo`. */
  priorities?: number;
  /** Messages expire after so long. */
  ttl?: Duration;
  /** How long a delivery belongs to its receiver without a sign of life. Missing: 30 s. */
  lease?: Duration;
  /** How long the SDK goes on extending one lease. Missing: 1 h. */
  leaseMax?: Duration;
  limit?: QueueLimit;
  /** `false`: gone, with its messages, when the engine restarts. */
  durable?: boolean;
  /** `false`: the queue exists already and is used as it is. */
  declare?: boolean;
  /** When a message counts as done. Missing: `at-least-once`. */
  delivery?: Delivery;
  /** The kinds of messages it carries. */
  contract?: MessageContract<T> | readonly MessageContract<T>[];
  interceptors?: readonly Interceptor[];
  /** Missing: `full`, and `code` if an interceptor hides the data from the engine (`encrypt`). */
  storedErrors?: StoredErrors;
  /** What must be there; else declaring throws `UnsupportedError`. For options that come with each send, such as `delay`. */
  requires?: readonly Capability[];
}

/**
 * `at-most-once`: acknowledged before the handler runs. `at-least-once`: after it. `effectively-once`: after it, and a message that
 * was handled already is acknowledged without running the handler again; `once` remembers them. It is no text like the others, since it
 * cannot be had without a store: `{ mode: 'effectively-once', once: inbox(…) }`.
 */
export type Delivery =
  | 'at-most-once'
  | 'at-least-once'
  | { readonly mode: 'effectively-once'; readonly once: OnceStore };

/** Runs work at most once per message id: an `inbox`, or an idempotency store made for it (`onceBy`). */
export interface OnceStore {
  /** `false`: it was done before, and the work was not run. A queue gives `<queue>/<message id>` as the id. */
  once(id: string, work: () => Promise<void>): Promise<boolean>;
}

export interface RetryOptions {
  /** How many attempts follow the first one. */
  max: number;
  /** Missing: `exponential`. A function gets the number of failed attempts (from 1) and the error. */
  backoff?: 'fixed' | 'exponential' | ((attempt: number, error: unknown) => Duration);
  /** The first wait. Missing: 1 s. */
  base?: Duration;
  /** The longest wait, not shorter than `base`. Missing: 5 min for exponential (or `base`, if that is longer), else none. */
  cap?: Duration;
  /** Share of each wait that is left to chance, 0 to 1. Missing: 0.2 for exponential, else 0. */
  jitter?: number;
}

export interface SendOptions {
  /** Missing: a random UUID. */
  id?: string;
  key?: string;
  type?: string;
  headers?: Readonly<Record<string, string>>;
  delay?: Duration;
  /** 0 (lowest) to the queue's `priorities`. */
  priority?: number;
  /** A second message with the same text within the engine's window (5 min) is not stored, and answered as `duplicate`. */
  dedupe?: string;
  ttl?: Duration;
  correlationId?: string;
  replyTo?: string;
  /** Gives up waiting for interceptors, for room in the queue, for a connection or for an answer. Missing: the `timeout` of the client. */
  timeout?: Duration;
}

export interface BatchItem<T = unknown> extends SendOptions {
  /** A received message is forwarded, as by `send`. */
  data: T | Message<T>;
}

export interface Sent {
  readonly id: string;
  /** It was known already (`dedupe`), and is not stored again. */
  readonly duplicate: boolean;
}

export type BatchOutcome = Sent & { readonly error?: PolymqError };

export interface ReceiveOptions {
  wait?: Duration;
  signal?: AbortSignal;
}

export interface ReceiveBatchOptions extends ReceiveOptions {
  max: number;
}

export interface ConsumeOptions {
  /** Handlers at the same time. Missing: 1. */
  concurrency?: number;
  /**
   * Messages held beyond those, so that none has to wait for the network. Missing: as many again, and while handlers are quick up to 10, or
   * with an embedded broker as much as they do in some milliseconds. Of topics at least 10.
   */
  prefetch?: number;
  /** Told of what no handler sees: lost connections, messages that cannot be decoded, acks that failed. */
  onError?: (error: unknown) => void;
  signal?: AbortSignal;
}

export interface CloseOptions {
  /** How long handlers may go on; then their signals abort and what is unsettled goes back. Missing: 10 s. */
  drain?: Duration;
}

/** What `consume` started. */
export interface Consumer extends AsyncDisposable {
  /** Handlers that run now. */
  readonly running: number;
  readonly concurrency: number;
  readonly paused: boolean;
  /** Resolves when messages can come. Rejects if the queue cannot be consumed. */
  ready(): Promise<void>;
  setConcurrency(concurrency: number): void;
  /** No further handler starts until `resume`. What no handler has begun goes back to the queue, for others; records of a topic stay. */
  pause(): void;
  resume(): void;
  /**
   * Stops fetching, waits for the handlers, gives back the rest. Handlers that take longer than `drain` are reported to `onError`, and their
   * messages come again; so a handler may close its own consumer, but not wait for it: `void consumer.close()`.
   */
  close(options?: CloseOptions): Promise<void>;
  /** Resolves when it has been closed; rejects if it ended by itself. */
  readonly closed: Promise<void>;
}

export interface DeadLetters<T = unknown> {
  /** Its name; `undefined` if the queue has none. */
  readonly name: string | undefined;
  /** Waiting dead letters, oldest first. Looks without taking, where the engine can. */
  list(options?: {
    where?: (letter: DeadLetter<T>) => boolean;
    limit?: number;
  }): Promise<DeadLetter<T>[]>;
  /** Moves them back to where they died, or to `to`, with fresh retries and the mark `redriven`. How many. */
  redrive(options?: {
    where?: (letter: DeadLetter<T>) => boolean;
    limit?: number;
    to?: string;
  }): Promise<number>;
  stats(): Promise<QueueStats>;
  purge(): Promise<number | undefined>;
}

export interface DeadLetter<T = unknown> {
  readonly id: string;
  /** `undefined` if it cannot be decoded; `body` has the bytes. */
  readonly data: T | undefined;
  readonly body: Uint8Array;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestamp: number;
  /** The queue it died in. */
  readonly queue: string | undefined;
  readonly reason: string | undefined;
  /** Ms since the epoch. */
  readonly diedAt: number | undefined;
  readonly retryCount: number;
  readonly errors: readonly import('../message/message.ts').AttemptError[];
  readonly redriven: number;
}
