/**
 * What all received messages have in common: the facts of the wire message, the decoded data, and a signal that costs
 * nothing unless somebody looks at it. How a message is settled is the business of what it came from (`QueueMessage`,
 * `TopicMessage`).
 */
import { inspect } from 'node:util';
import { PolymqError } from '../errors.ts';
import type { Duration } from '../lib/duration.ts';
import { countIn, errorsIn } from './attempts.ts';
import { applicationHeaders, HEADER } from './headers.ts';
import type { AttemptError, Message, NackOptions } from './message.ts';
import type { WireMessage } from './wire-message.ts';

export abstract class ReceivedMessage<T = unknown> implements Message<T> {
  /** As interceptors left it; its body is what `data` was decoded from. */
  wire: WireMessage;
  #data: T | undefined = undefined;
  #headers: Readonly<Record<string, string>> | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  #abortReason: unknown = undefined;

  constructor(wire: WireMessage) {
    this.wire = wire;
  }

  abstract readonly source: string;
  abstract readonly partition: number | undefined;
  abstract readonly offset: number | undefined;
  abstract readonly retryCount: number;
  abstract ack(): Promise<void>;
  abstract nack(options?: NackOptions): Promise<void>;
  abstract extend(by?: Duration): Promise<void>;
  abstract reject(reason?: unknown): Promise<void>;
  abstract reply(data: unknown): Promise<void>;

  get id(): string {
    return this.wire.id;
  }

  get data(): T {
    return this.#data as T;
  }

  get type(): string | undefined {
    return this.wire.type;
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= applicationHeaders(this.wire.headers);
    return this.#headers;
  }

  get key(): string | undefined {
    return this.wire.key;
  }

  get timestamp(): number {
    return this.wire.timestampMs;
  }

  get correlationId(): string | undefined {
    return this.wire.correlationId;
  }

  get replyTo(): string | undefined {
    return this.wire.replyTo;
  }

  get errors(): readonly AttemptError[] {
    return errorsIn(this.wire.headers);
  }

  get redriven(): number {
    return countIn(this.wire.headers, HEADER.redriven);
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
      else this.signalWanted();
    }
    return this.#abort.signal;
  }

  /** Somebody looks at the signal for the first time. */
  protected signalWanted(): void {}

  /** The data, once it is decoded; and the message it was decoded from. */
  decoded(wire: WireMessage, data: unknown): void {
    this.wire = wire;
    this.#data = data as T;
  }

  /** Tells who works on it to stop. */
  abort(reason: PolymqError): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#abort?.abort(reason);
  }

  /** What `console.log` shows, since getters hide from it. */
  [inspect.custom](): unknown {
    const { id, type, key, data, headers, retryCount, source, partition, offset } = this;
    return { id, type, key, data, headers, retryCount, source, partition, offset };
  }
}

export function leaseLost(message: WireMessage, place: string, why: string): PolymqError {
  return new PolymqError(
    'lease-lost',
    `message ${message.id} of ${place} is not ours any more (${why}); it is delivered again, so stop working on it`,
  );
}
