/** The catalogue of queues as protocols see it. Looking up is synchronous; methods reject with `BrokerError`. */
import type { MessageDraft } from '../message/message-draft.ts';
import type { MessageStore } from './message-store.ts';
import type { Queue } from './queue.ts';
import type { DeclaredValues, QueueDefinition, QueueSettings } from './queue-definition.ts';

export interface Queues {
  readonly store: MessageStore;
  get(namespace: string, name: string): Queue | undefined;
  list(namespace?: string): Queue[];
  /** Changes with every declaration and deletion: what was looked up before may be stale. */
  readonly version: number;
  /**
   * Creates the queue, durable when the promise resolves if it is. Rejects with `queue-exists` (protocols compare the
   * definitions themselves), `invalid-name`, `limit-reached`.
   */
  declare(namespace: string, name: string, definition: QueueDefinition): Promise<Queue>;
  /**
   * Gives a queue other settings and declared values, in place of all it has. They hold for the messages that are there
   * too, `messageTtlMs` some moments later; only `delayMs` is for those that come. Durable when the promise resolves if
   * the queue is. Rejects with `unknown-queue` if it is deleted, and `invalid-config` if `groups`, `priorityMax` or
   * `singleActiveConsumer`, which cannot change, are others.
   */
  alter(queue: Queue, change: { settings: QueueSettings; declared: DeclaredValues }): Promise<void>;
  /**
   * Deletes it with its messages; consumers are told. The number of ready messages that went with it. Durable when the
   * promise resolves. Rejects with `queue-in-use` or `queue-not-empty` if asked to look.
   */
  delete(queue: Queue, options?: { ifUnused?: boolean; ifEmpty?: boolean }): Promise<number>;
  /** Called when a queue is gone, for whatever reason: bindings go with it. */
  onDeleted(listener: (queue: Queue) => void): void;
  /**
   * Puts the message, once, into all the queues. Returns how many of them refused it because they are full (`overflow`
   * reject). Delivery to ready consumers may happen before this returns. Durable when `store.committed` has
   * reached the `store.position` of right after.
   */
  publish(draft: MessageDraft, queues: readonly Queue[]): number;
  /** How dead letters are routed. Set once by the composition root. */
  deadLetterRouter: DeadLetterRouter | undefined;
}

/** Finds the queues of a dead letter, and gives it to targets that are not queues. */
export type DeadLetterRouter = (
  namespace: string,
  exchange: string,
  routingKeys: readonly string[],
  draft: MessageDraft,
) => DeadLetterRoute;

export interface DeadLetterRoute {
  readonly queues: readonly Queue[];
  /** Resolves when streams that are targets have it for good; undefined if none is. */
  readonly streams?: Promise<void> | undefined;
}
