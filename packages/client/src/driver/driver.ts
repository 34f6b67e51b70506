/**
 * What an engine has to offer to the SDK: the one interface between patterns and wires. A driver has the parts that its
 * engine can carry, and says in `capabilities` what they can do; the SDK checks that before it calls.
 *
 * Rules for all drivers:
 * - Every method rejects with `PolymqError`; errors of the client library are the `cause`.
 * - A promise of `send`, `publish` or `move` resolves when the engine has the message in the durability it gives.
 * - Nothing is unbounded: at most `prefetch` deliveries are unsettled per subscription, and a topic sink that returns a
 *   promise gets nothing more of that partition until it resolves.
 * - A lost connection is made again by the driver, with everything declared and subscribed. Calls made meanwhile wait
 *   for at most `DriverContext.timeoutMs`. Deliveries that were open are reported by `lost`.
 * - `close` settles nothing: the SDK has done that. It is idempotent.
 */

import type { PolymqError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type {
  Delivery,
  OutgoingMessage,
  TopicRecord,
  WireMessage,
} from '../message/wire-message.ts';
import type { Capabilities } from './capabilities.ts';

export interface Driver {
  /** The engine as people call it: `RabbitMQ`, `Kafka`. Stands in errors and spans. */
  readonly engine: string;
  /** By the conventions of OpenTelemetry (`messaging.system`): `rabbitmq`, `kafka`, `aws_sqs`, `redis`, `polymq`. */
  readonly system: string;
  readonly capabilities: Capabilities;
  /** Missing: the clock of the machine. */
  readonly clock?: Clock | undefined;
  readonly queues?: QueueDriver | undefined;
  readonly topics?: TopicDriver | undefined;
  readonly requests?: RequestDriver | undefined;
  readonly eventLog?: EventLogDriver | undefined;
  close(): Promise<void>;
}

/** What a driver gets from `connect`. */
export interface DriverContext {
  readonly clock: Clock;
  /** How long a call may wait for a connection and for its answer. */
  readonly timeoutMs: number;
  /** A name for this client that shows up at the engine. */
  readonly clientName: string;
  /** The connection was lost (with the error) or is back. */
  onConnection(state: 'lost' | 'back', error?: PolymqError): void;
}

/** Makes a driver; rejects if the engine cannot be reached within `context.timeoutMs`. */
export type OpenDriver<Options = unknown> = (
  url: URL,
  options: Options,
  context: DriverContext,
) => Promise<Driver>;

// ── Queues ──────────────────────────────────────────────────────────────────────────────────────

export interface QueueSpec {
  readonly name: string;
  /** Survives a restart of the engine, with its messages. */
  readonly durable: boolean;
  /** Messages with the same key are handed out one at a time, in the order they were sent. */
  readonly fifo: boolean;
  /** Messages may have priorities 0 to this; 0: none. */
  readonly priorityMax: number;
  /** Where the engine itself puts what expires or is dropped; undefined: nowhere. It is declared already. */
  readonly deadLetter?: string | undefined;
  readonly ttlMs?: number | undefined;
  readonly limit?: QueueLimit | undefined;
  /** How long a delivery is leased, where the engine leases for a time. */
  readonly leaseMs: number;
}

export interface QueueLimit {
  readonly messages?: number | undefined;
  readonly bytes?: number | undefined;
  /** `block` is `reject` to a driver; the SDK waits and tries again. */
  readonly overflow: 'drop-oldest' | 'drop-lowest-priority' | 'reject' | 'block';
}

/** Per message: stored, known already, or why not. */
export type SendOutcome = { readonly duplicate: boolean } | { readonly error: PolymqError };

export interface QueueStats {
  /** Waiting to be delivered now. */
  readonly ready: number;
  /** Delivered and not settled; undefined where the engine does not say. */
  readonly leased?: number | undefined;
  /** Not due yet. */
  readonly delayed?: number | undefined;
  readonly consumers?: number | undefined;
  /** When the oldest ready message was sent, ms since the epoch; undefined: none, or not known. */
  readonly oldestMs?: number | undefined;
}

export interface QueueDriver {
  /**
   * Who keeps the order of a key in fifo queues. Missing: the engine. `client`: it hands out the whole queue to one consumer, and the
   * SDK runs one message of a key at a time and retries it in its place.
   */
  readonly keyOrder?: 'engine' | 'client' | undefined;
  /**
   * Whether `send` may get messages that have a `text`. Their `body` is made when it is asked for, by a getter: do not copy such a
   * message with `...`.
   */
  readonly takesText?: boolean | undefined;
  /** Whether consumers that say nothing shall hold more while their handlers are quick: holding is cheap, and delivering is not. */
  readonly prefetchGrows?: boolean | undefined;
  /** Creates it, or checks that it is there as asked for: `declared-otherwise`. Idempotent. */
  declareQueue(spec: QueueSpec): Promise<void>;
  /** With all its messages. Idempotent. */
  deleteQueue(queue: string): Promise<void>;
  /** Removes the ready messages, and says how many, if the engine does. */
  purgeQueue(queue: string): Promise<number | undefined>;
  queueStats(queue: string): Promise<QueueStats>;
  /** Up to `max` ready messages from the head, without leasing them. `not-found`. */
  peek(queue: string, max: number): Promise<readonly WireMessage[]>;
  /**
   * Stores the messages in order. Resolves when the engine has them; `undefined`: all stored, none a duplicate. One
   * message's failure is its outcome, not a rejection; that is for failures of all. `timeoutMs`: instead of that of the
   * context, longer or shorter.
   */
  send(
    queue: string,
    messages: readonly OutgoingMessage[],
    timeoutMs?: number | undefined,
  ): Promise<readonly SendOutcome[] | undefined>;
  /** Up to `max` messages; waits up to `waitMs` for the first. Empty when none came or the signal was aborted. */
  receive(queue: string, options: ReceiveRequest): Promise<Delivery[]>;
  /** Deliveries as they come, at most `prefetch` of them unsettled. */
  subscribeQueue(
    queue: string,
    options: { readonly prefetch: number; readonly leaseMs: number },
    sink: DeliverySink,
  ): Promise<QueueSubscription>;
  /**
   * Work on a message of a subscription begins now. A promise: it has to wait until that is known to the engine, so that a message that
   * ends its process each time runs out of attempts. Missing: what is handed out counts as begun. Rejects with `lease-lost`.
   */
  begin?(delivery: Delivery): Promise<void> | undefined;
  /** Done with. `undefined`: on its way, where the engine does not confirm it. Rejects with `lease-lost`. */
  ack(delivery: Delivery): Promise<void> | undefined;
  /**
   * Gives it back, to be delivered again (to its old place if the queue is fifo), not before `delayMs`. `untouched`: nobody has
   * worked on it, so it was not handed out in vain, where the engine counts that.
   */
  release(delivery: Delivery, delayMs: number, untouched?: boolean): Promise<void> | undefined;
  /**
   * Puts `message` into the queue `to` in place of the delivery: for retries with a new header, dead letters, redrives. Atomic
   * where the engine can; else it is stored before the delivery is acknowledged, so a crash may double it and never lose it.
   */
  move(delivery: Delivery, to: string, message: OutgoingMessage): Promise<void>;
  /** The lease lasts `leaseMs` from now. Rejects with `lease-lost`. Missing: leases have no time here. */
  extend?(delivery: Delivery, leaseMs: number): Promise<void>;
}

export interface ReceiveRequest {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DeliverySink {
  /** How many handlers wait for messages: those that come next begin at once. Missing: all that come do. */
  readonly free?: number;
  deliver(deliveries: readonly Delivery[]): void;
  /** They are somebody else's now: settling them does nothing. */
  lost(deliveries: readonly Delivery[]): void;
  /** Whether it waits here and nobody has begun to work on it, so that it was handed out in vain when it is lost. */
  isUntouched?(delivery: Delivery): boolean;
  /** The subscription is over, and not by `close`: the queue was deleted, or rights were withdrawn. */
  ended(error: PolymqError): void;
}

export interface QueueSubscription {
  /** Whether nothing comes while the prefetch is 0. Missing: a consumer that pauses closes the subscription, and makes another one. */
  readonly canPause?: boolean;
  /** Takes effect for what is delivered from now on. */
  setPrefetch(prefetch: number): void;
  /** No delivery comes after this has resolved. What is unsettled stays leased until it is settled. */
  close(): Promise<void>;
}

// ── Topics ──────────────────────────────────────────────────────────────────────────────────────

export interface TopicSpec {
  readonly name: string;
  /** How many partitions it gets if it is created; undefined: the engine's default. */
  readonly partitions?: number | undefined;
  readonly retentionMs?: number | undefined;
  /** Nothing is stored: only who is subscribed gets it, at most once. */
  readonly live: boolean;
}

/** Where reading begins: behind the end, at the first record kept, at a time (ms since the epoch), or at offsets per partition. */
export type Position =
  | { readonly at: 'new' | 'start' }
  | { readonly at: 'time'; readonly timeMs: number }
  | { readonly at: 'offsets'; readonly offsets: ReadonlyMap<number, number> | number };

/** Where a record went; -1 each where the engine does not say. */
export interface PublishOutcome {
  readonly partition: number;
  readonly offset: number;
}

export interface TopicDriver {
  /** Creates it if it is not there. Idempotent; an existing topic keeps its partitions. */
  declareTopic(spec: TopicSpec): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  /** Stores the messages in order; those of one key go to one partition. Outcomes in the same order. `timeoutMs`: as of `send`. */
  publish(
    topic: string,
    messages: readonly WireMessage[],
    timeoutMs?: number | undefined,
  ): Promise<readonly PublishOutcome[]>;
  /** Everything from `from` on, to this subscriber alone. Resolves when nothing published from now on is missed. */
  subscribeTopic(topic: string, from: Position, sink: TopicSink): Promise<TopicSubscription>;
  /** Shares the topic's records with the other members of the group. `from`: where a group without commits begins. */
  joinGroup?(
    topic: string,
    group: string,
    from: Position,
    sink: GroupSink,
  ): Promise<GroupSubscription>;
  /** Records behind the group's commits, per partition. */
  groupLag?(topic: string, group: string): Promise<ReadonlyMap<number, number>>;
  /** Moves the group's commits. Rejects with `invalid-argument` while the group has members. */
  seekGroup?(topic: string, group: string, to: Position): Promise<void>;
  /** Copies what is published to the topic from now on into the queue. Durable where both are. Idempotent. */
  bindQueue?(topic: string, queue: string): Promise<void>;
}

export interface TopicSink {
  /** Records of one partition, in order. The next of that partition come when the promise has resolved. */
  deliver(records: readonly TopicRecord[]): void | Promise<void>;
  /** It is over, and not by `close`. */
  ended(error: PolymqError): void;
}

export interface GroupSink extends TopicSink {
  /** These partitions are read by another member from now on, unless the promise holds it up (a moment): commit what is done. */
  revoked(partitions: readonly number[]): void | Promise<void>;
}

export interface TopicSubscription {
  close(): Promise<void>;
}

export interface GroupSubscription extends TopicSubscription {
  /** Everything before `offset` is done. Resolves when it is durable; does nothing for partitions that were revoked. */
  commit(partition: number, offset: number): Promise<void>;
}

// ── Requests and replies ────────────────────────────────────────────────────────────────────────

export interface RequestDriver {
  /** Opens this client's one inbox for replies. `address` goes into `replyTo`. */
  openReplies(sink: (reply: WireMessage) => void): Promise<{ readonly address: string }>;
  /** `'no-responder'` at once if nobody serves that service, where the engine can tell. */
  request(service: string, message: OutgoingMessage): Promise<'sent' | 'no-responder'>;
  /**
   * Takes requests for the service, shared with others that do, at most `prefetch` unanswered. `ended`: it is over, and not by
   * `close`, such as when its queue was deleted.
   */
  serve(
    service: string,
    prefetch: number,
    sink: (request: WireMessage, done: () => void) => void,
    ended?: (error: PolymqError) => void,
  ): Promise<{ close(): Promise<void> }>;
  /** To the address of a request's `replyTo`. A reply to somebody who has gone is dropped. */
  reply(address: string, message: OutgoingMessage): Promise<void>;
}

// ── Streams of events with versions ─────────────────────────────────────────────────────────────

/** An event as it is stored: version in its stream from 1 on, and a position in the whole store. */
export interface StoredEvent extends WireMessage {
  readonly stream: string;
  readonly version: number;
  /** Where it stands in the store; grows with every event, not without gaps. Pass it back to go on behind it. */
  readonly position: string;
}

export interface EventLogDriver {
  /**
   * Appends all or none. `expected`: the version that the stream must have (0: it must not exist; undefined: any), else
   * `version-conflict`. Durable when it resolves. The same events (by id) where they are expected already: answered as before, so
   * an append whose answer was lost may be sent again.
   */
  append(
    store: string,
    stream: string,
    events: readonly WireMessage[],
    expected: number | undefined,
  ): Promise<{ readonly version: number; readonly position: string }>;
  /** The version of a stream: 0 if there is none. */
  version(store: string, stream: string): Promise<number>;
  /** Events of one stream from `fromVersion` on, in order, at most `max`, and fewer when they are large; none: there are no more. */
  readStream(
    store: string,
    stream: string,
    fromVersion: number,
    max: number,
  ): Promise<readonly StoredEvent[]>;
  /** Events of the whole store behind `after` (undefined: from the first), at most `max`; waits up to `waitMs` for one. */
  readAll(
    store: string,
    after: string | undefined,
    options: { readonly max: number; readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly StoredEvent[]>;
}
