/** Sagas as programs write them. */
import type { Duration } from '../../lib/duration.ts';
import type { DataOf, MessageContract } from '../../message/contract.ts';
import type { ConsumeOptions, Consumer, Queue, QueueOptions, Sent } from '../../queue/queue.ts';
import type { SqlDatabase } from '../../sql/database.ts';
import type { Topic } from '../../topic/topic.ts';
import type { SagaStore } from './saga-record.ts';

/** A kind of message: a contract (`defineMessage`), or the message's type as text. */
export type MessageKind = MessageContract<never> | MessageContract | string;

/** The data that messages of the kind have; `any` for a type that is only named, as nothing says what it is. */
// biome-ignore lint/suspicious/noExplicitAny: nothing is known of it, and the handler says what it takes it for.
export type KindData<K> = K extends string ? any : DataOf<K>;

export interface SagaMessage<T = unknown> {
  readonly id: string;
  readonly type: string;
  readonly data: T;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly correlationId: string | undefined;
  /** Ms since the epoch. */
  readonly timestamp: number;
}

/** Which saga a message belongs to: its id, in the words of the program (the order's number). */
export type BySaga<T> = (message: SagaMessage<T>) => string | undefined;

/**
 * `running` until `complete`; `compensating` from `compensate` until the last compensation was confirmed; then `compensated`. What comes for a saga
 * that has ended is passed over.
 */
export type SagaStatus = 'running' | 'completed' | 'compensating' | 'compensated';

export interface SagaSendOptions {
  key?: string;
  /** The message's type. With a contract: the contract, which also encodes the data. */
  type?: MessageKind;
  headers?: Readonly<Record<string, string>>;
  /** Missing: the saga's id, so that participants can answer with it. */
  correlationId?: string;
  delay?: Duration;
}

export interface CompensationOptions extends SagaSendOptions {
  /** The kind of message that says it is done: the next compensation is sent only then. Missing: the next one is sent at once. */
  confirmedBy?: MessageKind;
}

/**
 * What a handler does, it does through its context, and everything takes effect together when the handler has returned. A handler may run several
 * times for one message, so it should do nothing else.
 */
export interface SagaContext<State> {
  readonly id: string;
  readonly status: SagaStatus;
  /** Plain data. Change it, or put another in its place. */
  state: State;
  /** Sends a message to a queue when the new state is stored. */
  send(queue: Queue | string, data: unknown, options?: SagaSendOptions): void;
  publish(topic: Topic | string, data: unknown, options?: Omit<SagaSendOptions, 'delay'>): void;
  /** Calls `onTimeout(name)` after so long, unless the saga has ended or the timeout was cancelled or set anew. Survives restarts. */
  timeout(name: string, after: Duration): void;
  cancelTimeout(name: string): void;
  /** Remembers what undoes the step that was just taken. */
  compensateWith(queue: Queue | string, data: unknown, options?: CompensationOptions): void;
  /** Undoes what has been done: the compensations are sent, the last one first. */
  compensate(): void;
  /** The saga has reached its end: its timeouts and compensations are forgotten. Does nothing if it is being undone already. */
  complete(): void;
}

export type SagaHandler<State, T> = (
  context: SagaContext<State>,
  message: SagaMessage<T>,
) => unknown;

export interface SagaOptions<State> {
  /**
   * Where states are kept: a database (table `polymq_sagas`), `'memory'` (for tests), a store of your own. Missing: the engine's event log.
   */
  store?: SqlDatabase | SagaStore | 'memory';
  /** The state before the first message. Missing: `{}`. */
  initial?: () => State;
  /** The queue that messages for the saga come to. Missing: `<name>-saga`. */
  queue?: string;
  /** Retries, dead letters and so on of that queue. */
  queueOptions?: Omit<QueueOptions, 'contract'>;
  /** Topics of which the saga gets a copy into its queue. Kinds it does not know are passed over then; else they are dead letters. */
  topics?: readonly (Topic | string)[];
  /** How many message ids a saga remembers, to know those that come again. Missing: 1000. */
  remember?: number;
}

export interface Saga<State> {
  readonly name: string;
  /** Where messages for it go. */
  readonly queue: Queue;
  /** Messages of this kind begin a saga, unless there is one with that id. `by` missing: the correlation id, or the key. */
  startedBy<K extends MessageKind>(kind: K, handler: SagaHandler<State, KindData<K>>): this;
  startedBy<K extends MessageKind>(
    kind: K,
    options: { by?: BySaga<KindData<K>> },
    handler: SagaHandler<State, KindData<K>>,
  ): this;
  /** Messages of this kind go to the saga that is there; while there is none yet they are retried, as the queue says. */
  on<K extends MessageKind>(kind: K, handler?: SagaHandler<State, KindData<K>>): this;
  on<K extends MessageKind>(
    kind: K,
    options: { by?: BySaga<KindData<K>> },
    handler?: SagaHandler<State, KindData<K>>,
  ): this;
  /** Throws `UnsupportedError` if the engine cannot delay messages. */
  onTimeout(name: string, handler: (context: SagaContext<State>) => unknown): this;
  /** Called when the last compensation is done. */
  onCompensated(handler: (context: SagaContext<State>) => unknown): this;
  /** Sends a message to the saga. With a contract the data is checked and encoded by it. */
  send<K extends MessageKind>(
    kind: K,
    data: KindData<K>,
    options?: { id?: string; key?: string; correlationId?: string },
  ): Promise<Sent>;
  /** Begins to handle messages. Ready when they can come, from its `topics`, too: binding them is tried again until it works. */
  start(options?: ConsumeOptions): Consumer;
  /** A saga as it is stored. */
  get(id: string): Promise<{ readonly state: State; readonly status: SagaStatus } | undefined>;
}
