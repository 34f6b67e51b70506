import type { NeutralMessage } from './neutral-message.ts';

/**
 * Who can read the properties of a message. Each protocol that writes its own registers a format; the core itself
 * writes format 0 (`neutral-format.ts`).
 */
export interface MessageFormat {
  /** Stored with every message: never change or reuse it. 1 to 255. */
  readonly id: number;
  readonly name: string;
  /** Never throws on what the protocol itself has accepted. Copies what it keeps. */
  toNeutral(properties: Buffer): NeutralMessage;
  /** `bodyBytes`: the size of the body that will follow. */
  fromNeutral(message: NeutralMessage, bodyBytes: number): Buffer;
  /** Application headers alone, for routing by headers. */
  headers(properties: Buffer): ReadonlyMap<string, unknown>;
  /** What the message asks of the queues it comes to, as far as its properties say so. */
  wishes?(properties: Buffer): MessageWishes;
}

export interface MessageWishes {
  /** Routing keys beyond the one that the message was published with. */
  copies?: readonly string[];
  /** The time to live that the message carries itself, in ms. */
  ttlMs?: number;
  priority?: number;
}
