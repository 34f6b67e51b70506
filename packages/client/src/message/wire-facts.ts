import type { WireMessage } from './wire-message.ts';

/** What every message has, taken over from another one. Drivers add to it what their deliveries need; the shape stays the same for all. */
export class WireFacts implements WireMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | undefined;
  readonly timestampMs: number;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;

  /** With other headers or another key, where they are given. */
  constructor(
    message: WireMessage,
    headers: Readonly<Record<string, string>> = message.headers,
    key: string | undefined = message.key,
  ) {
    this.id = message.id;
    this.body = message.body;
    this.contentType = message.contentType;
    this.type = message.type;
    this.headers = headers;
    this.key = key;
    this.timestampMs = message.timestampMs;
    this.correlationId = message.correlationId;
    this.replyTo = message.replyTo;
  }
}
