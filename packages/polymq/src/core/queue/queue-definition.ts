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
  /** What happens beyond them. Default `drop-head`. */
  overflow?: 'drop-head' | 'reject' | 'reject-dead-letter';
  /** Where expired, rejected and dropped messages are published to. '' is the default exchange. */
  deadLetterExchange?: string;
  /** Instead of the message's own routing keys. */
  deadLetterRoutingKey?: string;
  /** A message that came back more often is dead-lettered. */
  deliveryLimit?: number;
  /** Only one consumer gets messages; the next takes over when it goes. */
  singleActiveConsumer?: boolean;
  /** Messages have priorities 0 to this. Default 0: none. */
  priorityMax?: number;
  /** Messages become visible so long after they were published. */
  delayMs?: number;
  /** Messages with a group id are handed out one at a time per group. */
  groups?: boolean;
}
