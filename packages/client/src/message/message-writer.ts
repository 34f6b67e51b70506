/**
 * From the data and options of a `send` or `publish` to the message that the driver gets: contract or codec, then the
 * interceptors. Answers without a promise unless a contract or an interceptor needs one.
 */
import { PolymqError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { type Maybe, whenDone } from '../lib/maybe.ts';
import { encodeData, encodeText } from './codec.ts';
import type { EncodedData } from './contract.ts';
import type { Contracts } from './contracts.ts';
import { isOfOneLife, withExpiry, withoutHeaders } from './headers.ts';
import type { Interceptor, Place } from './interceptor.ts';
import { messageId } from './message-id.ts';
import { ReceivedMessage } from './received-message.ts';
import { TextMessage } from './text-message.ts';
import type { OutgoingMessage } from './wire-message.ts';

/** What every kind of sending has. */
export interface WriteOptions {
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  readonly type?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** What only queues have, checked and in ms. */
export interface DeliveryFacts {
  readonly delayMs: number | undefined;
  readonly priority: number | undefined;
  readonly dedupe: string | undefined;
  readonly ttlMs: number | undefined;
}

export const PLAIN: DeliveryFacts = Object.freeze({
  delayMs: undefined,
  priority: undefined,
  dedupe: undefined,
  ttlMs: undefined,
});

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

export class MessageWriter {
  readonly #name: string;
  readonly #place: Place;
  readonly #clock: Clock;
  readonly #contracts: Contracts | undefined;
  readonly #interceptors: readonly Interceptor[];

  constructor(options: {
    place: Place;
    clock: Clock;
    contracts: Contracts | undefined;
    interceptors: readonly Interceptor[];
  }) {
    this.#place = options.place;
    this.#name = placeName(options.place);
    this.#clock = options.clock;
    this.#contracts = options.contracts;
    this.#interceptors = options.interceptors.filter((each) => each.outgoing !== undefined);
  }

  /** Throws, or rejects with, `invalid-message`, `invalid-argument` and what interceptors throw. */
  write(data: unknown, options: WriteOptions, facts: DeliveryFacts): Maybe<OutgoingMessage> {
    if (options.headers !== undefined) checkHeaders(options.headers, this.#name);
    const message =
      data instanceof ReceivedMessage
        ? this.#forward(data, options, facts)
        : this.#make(data, options, facts);
    return this.#interceptors.length === 0
      ? message
      : whenDone(message, (made) => this.#intercept(made));
  }

  /**
   * The same for a driver that takes text, at a time that the caller has looked up: by the shortest way if there is nobody who wants
   * to see or change the bytes.
   */
  writeText(
    data: unknown,
    options: WriteOptions,
    facts: DeliveryFacts,
    nowMs: number,
  ): Maybe<OutgoingMessage> {
    const direct =
      this.#contracts === undefined &&
      this.#interceptors.length === 0 &&
      !(data instanceof ReceivedMessage);
    const encoded = direct ? encodeText(data, this.#name) : undefined;
    if (encoded === undefined) return this.write(data, options, facts);
    if (options.headers !== undefined) checkHeaders(options.headers, this.#name);
    return new TextMessage(options.id ?? messageId(), encoded, options, facts, nowMs);
  }

  #make(data: unknown, options: WriteOptions, facts: DeliveryFacts): Maybe<OutgoingMessage> {
    if (this.#contracts === undefined) {
      return this.#message(encodeData(data, this.#name), options.type, options, facts);
    }
    const contract = this.#contracts.toSend(options.type);
    return whenDone(contract.encode(data), (encoded) =>
      this.#message(encoded, contract.name, options, facts),
    );
  }

  /** A received message goes on as it came; the contract looks whether it may be here. */
  #forward(
    received: ReceivedMessage,
    options: WriteOptions,
    facts: DeliveryFacts,
  ): Maybe<OutgoingMessage> {
    const { wire } = received;
    const type = options.type ?? wire.type;
    const { body, contentType } = wire;
    const forwarded = this.#message(
      { body, contentType },
      type,
      { ...options, ...inherited(received, options) },
      facts,
    );
    if (this.#contracts === undefined) return forwarded;
    const valid = this.#contracts.ofReceived(type).decode(forwarded);
    return whenDone<unknown, OutgoingMessage>(valid, () => forwarded);
  }

  #message(
    encoded: EncodedData,
    type: string | undefined,
    options: WriteOptions,
    facts: DeliveryFacts,
  ): OutgoingMessage {
    let headers = options.headers ?? NO_HEADERS;
    if (encoded.headers !== undefined) headers = { ...encoded.headers, ...headers };
    const timestampMs = this.#clock.nowMs();
    if (facts.ttlMs !== undefined) headers = withExpiry(headers, facts.ttlMs, timestampMs);
    return {
      id: options.id ?? messageId(),
      body: encoded.body,
      contentType: encoded.contentType,
      type,
      headers,
      key: options.key,
      timestampMs,
      correlationId: options.correlationId,
      replyTo: options.replyTo,
      delayMs: facts.delayMs,
      priority: facts.priority,
      dedupe: facts.dedupe,
      ttlMs: facts.ttlMs,
    };
  }

  #intercept(message: OutgoingMessage): Maybe<OutgoingMessage> {
    let result: Maybe<OutgoingMessage> = message;
    for (const interceptor of this.#interceptors) {
      result = whenDone(result, (before) => interceptor.outgoing!(before, this.#place));
    }
    return result;
  }
}

/** As errors name it: `queue "orders"`. */
export function placeName(place: Place): string {
  return `${place.kind} "${place.name}"`;
}

/** The bytes' headers, the key and where answers go stay with a forwarded message, unless the sender says else. */
function inherited({ wire }: ReceivedMessage, options: WriteOptions): WriteOptions {
  return {
    key: options.key ?? wire.key,
    headers: { ...withoutHeaders(wire.headers, isOfOneLife), ...options.headers },
    correlationId: options.correlationId ?? wire.correlationId,
    replyTo: options.replyTo ?? wire.replyTo,
  };
}

function checkHeaders(headers: Readonly<Record<string, string>>, place: string): void {
  for (const name in headers) {
    const value: unknown = headers[name];
    if (typeof value !== 'string') {
      throw new PolymqError(
        'invalid-argument',
        `header "${name}" of a message for ${place} is a ${typeof value}; headers are text, so write String(value) or put it into the data`,
      );
    }
    if (isOfOneLife(name)) {
      throw new PolymqError(
        'invalid-argument',
        `header "${name}" of a message for ${place} is written by the SDK only; give the header another name`,
      );
    }
  }
}
