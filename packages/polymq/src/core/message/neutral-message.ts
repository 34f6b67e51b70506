/**
 * A message as all protocols understand it: what is left when it crosses from one to another. Protocols translate
 * to and from it only then.
 */
export interface NeutralMessage {
  /** Application headers in the sender's order; names may repeat. */
  headers: readonly NeutralHeader[];
  contentType?: string;
  contentEncoding?: string;
  correlationId?: string;
  replyTo?: string;
  messageId?: string;
  /** When the sender made it, ms since the epoch. */
  timestampMs?: number;
  /** The sender's name for the kind of message. */
  type?: string;
  userId?: string;
  appId?: string;
  priority?: number;
  persistent?: boolean;
  /** What streams partition by. Without it the routing key is taken. */
  key?: Buffer;
}

export interface NeutralHeader {
  name: string;
  /** Bytes have no type known; everything else had one at the sender. */
  value: NeutralValue;
}

export type NeutralValue =
  | Buffer
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly NeutralValue[]
  | { readonly [name: string]: NeutralValue };
