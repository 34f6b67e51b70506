/**
 * Messages between the SDK and its drivers: bytes and plain facts. A driver maps them to the native properties of its
 * engine (AMQP's `message_id`, a Kafka header, an SQS attribute), so that programs without this SDK can read them.
 */
export interface WireMessage {
  readonly id: string;
  readonly body: Uint8Array;
  /** `application/json`, `text/plain`, `application/octet-stream`, or the contract's own. '' if the sender said nothing. */
  readonly contentType: string;
  /** The name of the kind of message. */
  readonly type?: string | undefined;
  /** Application headers and the SDK's own, which begin with `polymq-` (`headers.ts`). Text only. */
  readonly headers: Readonly<Record<string, string>>;
  readonly key?: string | undefined;
  /** When the sender made it, ms since the epoch. */
  readonly timestampMs: number;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** A message on its way to a queue. */
export interface OutgoingMessage extends WireMessage {
  /** The body as text, if it is made of that: only for drivers that want it (`QueueDriver.takesText`). */
  readonly text?: string | undefined;
  /** Not to be delivered before so long. 0 or missing: at once. */
  readonly delayMs?: number | undefined;
  /** Higher goes first. */
  readonly priority?: number | undefined;
  /** Within the engine's window, a second message with this id is not stored. */
  readonly dedupe?: string | undefined;
  /** Gone, or a dead letter, when nobody got it within so long. */
  readonly ttlMs?: number | undefined;
}

/** A message of a queue that is leased to this process, until it is settled or the lease is lost. */
export interface Delivery extends WireMessage {
  /** How often the engine has handed it out before in vain, as far as the engine counts. */
  readonly redeliveries: number;
  /** Of what it was sent with, if the engine shows it. */
  readonly priority?: number | undefined;
  /** How long the lease lasts from now; undefined: until it is settled or the connection ends. */
  readonly leaseMs?: number | undefined;
  /** The driver's own handle. */
  readonly handle: unknown;
}

/** A record of a topic. */
export interface TopicRecord extends WireMessage {
  readonly partition: number;
  /** Its place in the partition; -1 where the engine keeps none (live topics). */
  readonly offset: number;
}
