import { withExpiry } from './headers.ts';
import type { DeliveryFacts, WriteOptions } from './message-writer.ts';
import type { OutgoingMessage } from './wire-message.ts';

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * A message whose body is text still, for drivers that write it where they want it (`QueueDriver.takesText`). Bytes are made only
 * for those who ask.
 */
export class TextMessage implements OutgoingMessage {
  readonly id: string;
  readonly text: string;
  readonly contentType: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestampMs: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly delayMs: number | undefined;
  readonly priority: number | undefined;
  readonly dedupe: string | undefined;
  readonly ttlMs: number | undefined;
  #bytes: Uint8Array | undefined = undefined;

  constructor(
    id: string,
    encoded: { readonly text: string; readonly contentType: string },
    options: WriteOptions,
    facts: DeliveryFacts,
    nowMs: number,
  ) {
    this.id = id;
    this.text = encoded.text;
    this.contentType = encoded.contentType;
    this.type = options.type;
    const headers = options.headers ?? NO_HEADERS;
    const { ttlMs } = facts;
    this.headers = ttlMs === undefined ? headers : withExpiry(headers, ttlMs, nowMs);
    this.key = options.key;
    this.timestampMs = nowMs;
    this.correlationId = options.correlationId;
    this.replyTo = options.replyTo;
    this.delayMs = facts.delayMs;
    this.priority = facts.priority;
    this.dedupe = facts.dedupe;
    this.ttlMs = ttlMs;
  }

  get body(): Uint8Array {
    this.#bytes ??= Buffer.from(this.text);
    return this.#bytes;
  }
}
