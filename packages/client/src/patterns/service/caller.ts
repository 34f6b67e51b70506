/** The asking side of a service: requests that wait for their replies, each until its own deadline. */
import { randomUUID } from 'node:crypto';
import type { ClientContext } from '../../driver/client-context.ts';
import { PolymqError } from '../../errors.ts';
import { durationMs } from '../../lib/duration.ts';
import type { Place } from '../../message/interceptor.ts';
import { PLAIN } from '../../message/message-writer.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import { wrapSend } from '../../message/wrapping.ts';
import { type Inbox, inboxOf } from './inbox.ts';
import type { RequestOptions } from './types.ts';
import { type Codec, codecOf, DEADLINE, FAILED, OPERATION, ServiceMessage } from './wire.ts';

/** Requests of one service that wait at a time; each costs memory and a timer. */
const WAITING_MAX = 100_000;

interface Waiting {
  resolve(reply: WireMessage): void;
  reject(error: unknown): void;
}

export interface CallerParts {
  readonly context: ClientContext;
  readonly place: Place;
  readonly timeoutMs: number;
  /** By operation; for data without a contract the plain codec. */
  readonly requestCodec: (operation: string) => Codec;
  readonly replyCodec: (operation: string) => Codec;
}

export class Caller {
  lateReplies = 0;
  readonly #parts: CallerParts;
  readonly #inbox: Inbox;
  readonly #prefix: string;
  readonly #waiting = new Map<string, Waiting>();
  readonly #plain: Codec;
  readonly #send: (messages: readonly OutgoingMessage[], option: undefined) => Promise<string>;
  #whenIdle: (() => void) | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
    const { context, place } = parts;
    this.#inbox = inboxOf(context.driver);
    this.#prefix = this.#inbox.join((reply) => this.#onReply(reply));
    this.#plain = codecOf(context, place, undefined);
    this.#send = wrapSend(place, context.interceptors, ([message]) =>
      context.driver.requests!.request(place.name, message!),
    );
  }

  async request(operation: string, data: unknown, options: RequestOptions): Promise<unknown> {
    const { context, place, timeoutMs } = this.#parts;
    context.checkOpen();
    const ms =
      options.timeout === undefined
        ? timeoutMs
        : durationMs(options.timeout, `timeout of a request to ${place.name}`);
    if (this.#waiting.size >= WAITING_MAX) throw tooMany(place.name);
    const reply = await this.#ask(operation, data, ms, options);
    return this.#read(operation, reply);
  }

  /** Resolves when no request waits. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  close(): void {
    this.#inbox.leave(this.#prefix);
    for (const { reject } of [...this.#waiting.values()]) {
      reject(
        new PolymqError(
          'closed',
          `service "${this.#parts.place.name}" was closed while a request waited for its reply`,
        ),
      );
    }
  }

  /** Resolves with the reply; whatever happens first ends the wait. */
  #ask(
    operation: string,
    data: unknown,
    timeoutMs: number,
    { headers, signal }: RequestOptions,
  ): Promise<WireMessage> {
    const { clock } = this.#parts.context;
    const correlationId = `${this.#prefix}.${randomUUID()}`;
    const deadline = clock.nowMs() + timeoutMs;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(correlationId);
        if (this.#waiting.size === 0) this.#whenIdle?.();
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const onAbort = (): void => fail(signal?.reason);
      const timer = clock.after(timeoutMs, () => fail(this.#tooLate(operation, timeoutMs)));
      this.#waiting.set(correlationId, {
        resolve: (reply) => {
          end();
          resolve(reply);
        },
        reject: fail,
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) return onAbort();
      const asked = { ...headers, [OPERATION]: operation, [DEADLINE]: `${deadline}` };
      this.#sendOne(operation, data, correlationId, asked).catch(fail);
    });
  }

  async #sendOne(
    operation: string,
    data: unknown,
    correlationId: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { place, requestCodec } = this.#parts;
    const replyTo = await this.#inbox.address();
    const options = { headers, correlationId, replyTo };
    const message = await requestCodec(operation).writer.write(data, options, PLAIN);
    if (!this.#waiting.has(correlationId)) return;
    const sent = await this.#send([message], undefined);
    if (sent !== 'no-responder') return;
    throw new PolymqError(
      'no-responder',
      `nobody serves "${place.name}" on ${place.engine} now; start a responder: service(mq, '${place.name}').handle('${operation}', …)`,
    );
  }

  #onReply(reply: WireMessage): void {
    const waiting = this.#waiting.get(reply.correlationId ?? '');
    if (waiting === undefined) this.lateReplies += 1;
    else waiting.resolve(reply);
  }

  async #read(operation: string, reply: WireMessage): Promise<unknown> {
    const { place, replyCodec } = this.#parts;
    const message = new ServiceMessage(reply, place.name);
    const failed = reply.headers[FAILED] === '1';
    const { reader } = failed ? this.#plain : replyCodec(operation);
    await reader.read(message);
    if (failed) throw requestFailed(place.name, operation, message.data);
    return message.data;
  }

  #tooLate(operation: string, timeoutMs: number): PolymqError {
    return new PolymqError(
      'timeout',
      `no reply from service "${this.#parts.place.name}" to "${operation}" within ${timeoutMs} ms; it may have been handled, or still be`,
    );
  }
}

function requestFailed(service: string, operation: string, data: unknown): PolymqError {
  const { name = 'Error', message = '' } = (data ?? {}) as { name?: unknown; message?: unknown };
  const cause = new Error(String(message));
  cause.name = String(name);
  cause.stack = `${cause.name}: ${cause.message}\n    at "${operation}" of service "${service}"`;
  return new PolymqError(
    'request-failed',
    `service "${service}" failed at "${operation}": ${cause.name}: ${cause.message}`,
    { cause },
  );
}

function tooMany(service: string): PolymqError {
  return new PolymqError(
    'queue-full',
    `${WAITING_MAX} requests to service "${service}" wait for replies in this process; wait for some before asking more`,
  );
}
