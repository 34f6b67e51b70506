/** Topics as programs see them: everybody who subscribes gets everything; a group shares it among its members. */
import type { Capability } from '../driver/capabilities.ts';
import type { Duration } from '../lib/duration.ts';
import type { StoredErrors } from '../message/attempts.ts';
import type { MessageContract } from '../message/contract.ts';
import type { Interceptor } from '../message/interceptor.ts';
import type { Handler, Message } from '../message/message.ts';
import type { ConsumeOptions, Consumer, RetryOptions } from '../queue/queue.ts';

export interface Topic<T = unknown> {
  readonly name: string;
  ready(): Promise<void>;
  /** Resolves when the engine has the record durably; at once for live topics. */
  publish(data: T | Message<T>, options?: PublishOptions): Promise<Published>;
  publishBatch(items: readonly PublishItem<T>[]): Promise<Published[]>;
  /**
   * Everything, to this handler alone, in order per partition, one at a time unless `concurrency` says else (then in order
   * per key). A handler that throws is called again by `retry`; then the record is skipped and `onError` told.
   */
  subscribe(handler: Handler<T>, options?: SubscribeOptions<T>): Consumer;
  /** Readers that share the records, in order per key; the group remembers how far it is. */
  group(name: string, options?: GroupOptions): Group<T>;
  delete(): Promise<void>;
}

export interface TopicOptions<T = unknown> {
  /** If it is created now. Missing: the engine's default. */
  partitions?: number;
  /** How long records are kept, if it is created now. */
  retention?: Duration;
  /** Stores nothing: those who are subscribed get it, at most once. */
  live?: boolean;
  declare?: boolean;
  contract?: MessageContract<T> | readonly MessageContract<T>[];
  interceptors?: readonly Interceptor[];
  /** Of groups, in their dead letters. Missing: `full`, and `code` if an interceptor hides the data from the engine (`encrypt`). */
  storedErrors?: StoredErrors;
  requires?: readonly Capability[];
}

export interface PublishOptions {
  id?: string;
  /** Records with the same key stay in order. */
  key?: string;
  type?: string;
  headers?: Readonly<Record<string, string>>;
  correlationId?: string;
  timeout?: Duration;
}

export interface PublishItem<T = unknown> extends PublishOptions {
  /** A received message is forwarded, as by `publish`. */
  data: T | Message<T>;
}

export interface Published {
  readonly id: string;
  /** Undefined where the engine has no partitions (live topics, RabbitMQ, SNS, Redis). */
  readonly partition: number | undefined;
  readonly offset: number | undefined;
}

/** `new`: from now on. `start`: the oldest record kept. A date: the first record of then or later. Numbers: offsets, for all partitions or per partition. */
export type From = 'new' | 'start' | Date | number | Readonly<Record<number, number>>;

export interface SubscribeOptions<T = unknown> extends ConsumeOptions {
  /** Missing: `new`. */
  from?: From;
  /** Only messages for which it is true. */
  filter?: (message: Message<T>) => boolean;
  retry?: RetryOptions | false;
}

export interface GroupOptions {
  /** Where a new group begins. Missing: `start`. */
  from?: From;
  retry?: RetryOptions | false;
  /** The topic for records whose retries are used up. Missing: `<topic>-<group>-dlq`. `false`: they are skipped, and `onError` told. */
  deadLetter?: string | false;
}

export interface Group<T = unknown> {
  readonly name: string;
  /** The name of the topic it reads: groups of several topics may have the same name. */
  readonly topic: string;
  consume(handler: Handler<T>, options?: ConsumeOptions): Consumer;
  messages(options?: ConsumeOptions): AsyncIterableIterator<Message<T>>;
  /** Records that the group has not committed. */
  lag(): Promise<{ readonly total: number; readonly partitions: Readonly<Record<number, number>> }>;
  /** Goes on from there; the group must have no members. */
  seek(to: From): Promise<void>;
}
