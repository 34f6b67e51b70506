import type { DeathReason } from '../message/history.ts';

/** What a queue was declared to be. Plain JSON: it is stored with the declaration. */
export interface QueueDefinition {
  /** Declared and kept over restarts. Persistent messages in it are too. */
  durable: boolean;
  /** Deleted when its last consumer has gone. */
  autoDelete: boolean;
  /** Belongs to one connection and goes with it. Never durable in effect. */
  exclusive: boolean;
  settings: QueueSettings;
  /** The declaration in the words of the protocol that made it, to compare and to show. */
  declared: DeclaredValues;
}

export interface DeclaredValues {
  readonly [name: string]: DeclaredValue;
}
export type DeclaredValue =
  | string
  | number
  | boolean
  | null
  | readonly DeclaredValue[]
  | DeclaredValues;

/** Missing means: no such rule. */
export interface QueueSettings {
  /** Messages expire after so long in this queue. */
  messageTtlMs?: number;
  /** The queue is deleted when it was not used for so long: no consumer, no take, no new declaration. */
  expiresMs?: number;
  /** Ready messages. */
  lengthMax?: number;
  /** Bytes of the bodies of ready messages. */
  bytesMax?: number;
  /**
   * What happens beyond them. Default `drop-head`. `drop-lowest-priority`: the oldest of the least priority goes, which may be the
   * one that has just come.
   */
  overflow?: 'drop-head' | 'drop-lowest-priority' | 'reject' | 'reject-dead-letter';
  /** Where expired, rejected and dropped messages are published to. '' is the default exchange. */
  deadLetterExchange?: string;
  /** Instead of the message's own routing keys. */
  deadLetterRoutingKey?: string;
  /** A message that came back more often is dead-lettered. */
  deliveryLimit?: number;
  /**
   * A message that was handed out so often is dead-lettered when its turn comes again; not while dead letters go to a queue by its
   * name that is not there.
   */
  receiveMax?: number;
  /** Which deaths are dead-lettered; missing: all. What dies of another is dropped. */
  deadLetterReasons?: readonly DeathReason[];
  /** Only one consumer gets messages; the next takes over when it goes. */
  singleActiveConsumer?: boolean;
  /** Messages have priorities 0 to this. Default 0: none. */
  priorityMax?: number;
  /** Messages become visible so long after they were published. */
  delayMs?: number;
  /**
   * `true`: messages with a group id are handed out one at a time per group. `fair`: a group does not lock, but none can
   * crowd out the others: the next message comes from the group with the fewest leased ones, in turn among equals;
   * messages without a group are a group each.
   */
  groups?: boolean | 'fair';
}
