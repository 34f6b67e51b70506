/**
 * A queue as protocols see it: every message goes to one consumer, and stays until that one acknowledges it.
 *
 *             due                    deliver / take               ack
 *   delayed ───────► ready ─────────────────────────────► leased ─────► gone
 *      ▲               ▲  │ expired, dropped                │  │ reject, too many attempts
 *      └── delay ──────┼──┴──────────► dead letter ◄────────┼──┘
 *                      └────────── requeue, lease over ─────┘
 *
 * All methods are synchronous but those that may need the disk. A row is the handle of a message; it is valid for the
 * holder of its lease until he acknowledges, requeues or rejects it, or the lease ends.
 */
import type { MessageView } from '../message/message-bytes.ts';
import type { QueueDefinition } from './queue-definition.ts';

export interface Queue {
  /** Never used again by another queue. */
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly definition: QueueDefinition;
  readonly readyCount: number;
  readonly leasedCount: number;
  readonly delayedCount: number;
  /** Bytes of ready, leased and delayed messages. */
  readonly bytes: number;
  readonly consumerCount: number;
  /** Deleted: nothing works any more. */
  readonly deleted: boolean;

  /** Throws `queue-in-use` if there is an exclusive consumer, or others and this one shall be exclusive. */
  addConsumer(consumer: QueueConsumer, options?: { priority?: number; exclusive?: boolean }): void;
  /** Removing the last one may delete an auto-delete queue. Its leases stay until they are requeued. */
  removeConsumer(consumer: QueueConsumer): void;
  /** The consumer wants messages again: it has credit, or its connection has room. */
  resume(consumer: QueueConsumer): void;

  /** It is in use: it was declared again. Matters for the expiry of unused queues. */
  touch(): void;

  /**
   * Leases the next ready message to the caller, for `leaseMs` (0: until he answers), and points the store's view at it.
   * `undefined`: nothing is ready. Counts as use for the expiry of unused queues. Who has awaited a promise points the
   * view himself (`store.locate`): others may have used it meanwhile.
   *
   * `counted`: handing it out is an attempt now, which coming back does not count again, and lasts over a restart (within
   * 100 ms, as `store.update`): a message whose lease is not over then is leased still, and `restoredLease` finds it.
   * `local`: the same, but the lease is over when this process ends, since its holder is in it.
   * `later`: as `local`, but the attempt counts when the holder says so, by `begin`; he calls that or `handAhead` at once.
   */
  take(leaseMs?: number, counted?: Counted): number | undefined | Promise<number | undefined>;
  /**
   * Leases the next message of the message group of a row that is leased, although that one is not answered yet, and
   * points the view at it. `undefined`: there is none, it is not in memory, or groups of this queue do not lock.
   */
  takeNextOfGroup(row: number, leaseMs?: number, counted?: Counted): number | undefined;

  /** Of a lease that counts `later`: work on the message begins. Durable as `ack`. Once only. */
  begin(row: number): void;
  /**
   * Of a lease that counts `later`: the message waits for its turn with the holder. Whether work may begin then without more, once
   * that this was called is durable; else `begin` is called before, and is durable.
   */
  handAhead(row: number): boolean;

  /** How often the message was handed out in vain; while a counted lease lasts, this time included. */
  attempts(row: number): number;
  /** When a counted lease was first taken of it, ms since the epoch; after a restart, the first since then. */
  firstTakenMs(row: number): number | undefined;
  /**
   * The position of the message in the order of the queue. With the row it names the message until the broker stops;
   * after a restart, numbers of messages that are gone may be given out again.
   */
  seq(row: number): number;
  /** The message group of the message, if the queue has groups and the message has one. */
  groupIdOf(row: number): string | undefined;

  /** Whether the row is leased and still the message with that `seq`. Any number may be asked for. */
  holds(row: number, seq: number): boolean;
  /** Whether the row is the message with that `seq` still, in whatever state. Any numbers may be asked for. */
  contains(row: number, seq: number): boolean;
  /**
   * The row of the message with that `seq` if it was leased (counted) when the broker stopped and is in the queue still;
   * its lease may be over.
   */
  restoredLease(seq: number): number | undefined;
  /**
   * The row of the message with that `seq` that came into the queue in an earlier life of the broker, at `enqueuedMs` or before,
   * and is there still. Numbers may come again in later lives; the time tells which message is meant. Looks through all
   * messages of the broker, in turns of the event loop: for what `restoredLease` does not know.
   */
  findRestored(seq: number, enqueuedMs: number): Promise<number | undefined>;
  /** Done with. Durable when `store.committed` has reached the `store.position` of right after. */
  ack(row: number): void;
  /**
   * Gives the message back to its place in the order. It counts as an attempt and is marked as redelivered unless
   * `untouched` (which takes back the attempt of a counted lease); beyond the queue's delivery limit it is dead-lettered
   * instead. `delayMs`: not before then.
   */
  requeue(row: number, options?: RequeueOptions): void;
  /** Several at once, in any order: cheaper, and consumers see them in the right order. */
  requeueAll(rows: readonly number[], options?: RequeueOptions): void;
  /** Dead-letters it if the queue says where, else drops it. */
  reject(row: number): void;
  /** The lease ends at `now + leaseMs` instead; 0 gives it back now. A counted lease keeps its new end over a restart. */
  extend(row: number, leaseMs: number): void;
  /**
   * Done with although it came back: removes the message with that `seq` if it is ready or delayed in this row; whether
   * it was. Any numbers may be asked for. Durable as `ack`.
   */
  discard(row: number, seq: number): boolean;

  /**
   * Removes all ready messages; the number removed. Durable when the promise resolves.
   *
   * `all`: leased and delayed ones as well, until the promise resolves. Their holders can do nothing with them any
   * more: `holds` is false. Whose lease is not counted and has no end need not ask, and must answer as ever: that is
   * without effect.
   */
  purge(options?: { all?: boolean }): Promise<number>;
  /** Looks at up to `countMax` ready messages from the head, without any effect. */
  peek(countMax: number, visit: (view: MessageView, row: number) => void): Promise<void>;
}

/** Whether a lease counts when it is taken, and how long it lasts over a restart: see `Queue.take`. */
export type Counted = boolean | 'local' | 'later';

export interface RequeueOptions {
  untouched?: boolean;
  delayMs?: number;
}

/** The receiving end of deliveries. Its properties do not change. */
export interface QueueConsumer {
  /** Whether it takes one more message now. Asked before every delivery, so it must be quick. */
  ready(): boolean;
  /**
   * The message is leased to the consumer, or done with if `noAck`: then it is gone when this returns.
   * `view` is valid during the call only.
   */
  deliver(queue: Queue, row: number, view: MessageView, redelivered: boolean): void;
  /** Acknowledged by being delivered. */
  readonly noAck: boolean;
  /** How long it has what is delivered. Missing: until it answers. */
  readonly leaseMs?: number;
  /** Leases are counted: see `Queue.take`. */
  readonly counted?: Counted;
  /**
   * It is a `take` that waits (a long poll), not a consumer: it is in no `consumerCount`, neither hinders an exclusive
   * consumer nor a single active one nor is hindered by them, and its going does not delete an auto-delete queue. Its
   * coming and going count as use of the queue.
   */
  readonly passing?: boolean;
  /** The queue is gone. Called once; the consumer is removed already. */
  onCancelled(): void;
}
