/** The answering side of a service: requests from the engine to handlers, their results back. */
import type { ClientContext } from '../../driver/client-context.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import { describeError } from '../../lib/describe.ts';
import type { Place } from '../../message/interceptor.ts';
import type { Message } from '../../message/message.ts';
import { PLAIN } from '../../message/message-writer.ts';
import type { OutgoingMessage, WireMessage } from '../../message/wire-message.ts';
import { wrapProcess } from '../../message/wrapping.ts';
import type { ServiceHandler } from './types.ts';
import { type Codec, codecOf, FAILED, ServiceMessage } from './wire.ts';

const AGAIN_MS = 1_000;
const ERROR_TEXT_MAX = 1_000;

export interface ResponderParts {
  readonly context: ClientContext;
  readonly place: Place;
  readonly concurrency: number;
  readonly requestCodec: (operation: string) => Codec;
  readonly replyCodec: (operation: string) => Codec;
  readonly onError: (error: unknown) => void;
}

type AnyHandler = ServiceHandler<unknown, unknown>;

export class Responder {
  expiredRequests = 0;
  readonly #parts: ResponderParts;
  readonly #handlers = new Map<string, AnyHandler>();
  readonly #running = new Set<ServiceMessage>();
  readonly #process: (message: Message) => unknown;
  readonly #plain: Codec;
  readonly #closing = new AbortController();
  #serving: Promise<{ close(): Promise<void> }> | undefined;
  #whenIdle: (() => void) | undefined;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
    const { context, place } = parts;
    this.#plain = codecOf(context, place, undefined);
    this.#process = wrapProcess(place, context.interceptors, (message) => this.#handle(message));
  }

  get running(): number {
    return this.#running.size;
  }

  handle(operation: string, handler: AnyHandler): void {
    if (this.#handlers.has(operation)) {
      throw new PolymqError(
        'invalid-argument',
        `"${operation}" of service "${this.#parts.place.name}" has a handler already; an operation has one per service(…)`,
      );
    }
    this.#handlers.set(operation, handler);
    // Not before the other handlers are there, which are given in the same breath.
    this.#serving ??= Promise.resolve().then(() => this.#serve());
    this.#serving.catch(() => {});
  }

  async ready(): Promise<void> {
    await this.#serving;
  }

  /** Nothing new comes when it resolves. */
  async stop(): Promise<void> {
    this.#closing.abort();
    const serving = await this.#serving?.catch(() => undefined);
    await serving?.close();
  }

  /** Resolves when nothing runs. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  /** Tells what runs that nobody waits for it. */
  abort(): void {
    const error = new PolymqError('closed', `service "${this.#parts.place.name}" was closed`);
    for (const message of this.#running) message.abort(error);
  }

  /** Tries again what may succeed later. */
  async #serve(): Promise<{ close(): Promise<void> }> {
    const { context, place, concurrency, onError } = this.#parts;
    const sink = (request: WireMessage, done: () => void): void => {
      this.#onRequest(request, done).catch((error: unknown) => {
        // A reply that the client's end has overtaken: its sender asks another one, or gives up.
        if (!this.#closing.signal.aborted) onError(error);
      });
    };
    for (;;) {
      try {
        const { requests } = context.driver;
        return await requests!.serve(place.name, concurrency, sink, this.#ended);
      } catch (error) {
        const final = !(error instanceof PolymqError) || !error.retryable;
        if (final || this.#closing.signal.aborted) throw error;
        onError(error);
        await sleep(context.clock, AGAIN_MS, this.#closing.signal);
        if (this.#closing.signal.aborted) throw error;
      }
    }
  }

  /** The engine has ended it: what it needs may have to be made again. */
  readonly #ended = (error: PolymqError): void => {
    if (this.#closing.signal.aborted) return;
    const { onError } = this.#parts;
    onError(error);
    this.#serving = this.#serve();
    this.#serving.catch((failed: unknown) => {
      if (!this.#closing.signal.aborted) onError(failed);
    });
  };

  async #onRequest(wire: WireMessage, done: () => void): Promise<void> {
    const { clock } = this.#parts.context;
    const message = new ServiceMessage(wire, this.#parts.place.name, (wanted) =>
      this.#abortInTime(wanted),
    );
    const { deadline } = message;
    if (deadline !== undefined && deadline < clock.nowMs()) {
      this.expiredRequests += 1;
      done();
      return;
    }
    this.#running.add(message);
    try {
      await this.#answer(message);
    } finally {
      this.#running.delete(message);
      message.whenOver?.();
      done();
      if (this.#running.size === 0) this.#whenIdle?.();
    }
  }

  async #answer(message: ServiceMessage): Promise<void> {
    const { replyTo } = message;
    const reply = await this.#replyOf(message);
    if (replyTo !== undefined) await this.#parts.context.driver.requests!.reply(replyTo, reply);
  }

  /** What the handler returns or throws, as a message. */
  async #replyOf(message: ServiceMessage): Promise<OutgoingMessage> {
    const { requestCodec, replyCodec } = this.#parts;
    const options = { correlationId: message.correlationId ?? message.id };
    try {
      await requestCodec(message.operation).reader.read(message);
      await this.#process(message);
      return await replyCodec(message.operation).writer.write(message.result, options, PLAIN);
    } catch (error) {
      const { name, message: text } = describeError(error);
      const failure = { name, message: text.slice(0, ERROR_TEXT_MAX) };
      const failed = { ...options, headers: { [FAILED]: '1' } };
      return await this.#plain.writer.write(failure, failed, PLAIN);
    }
  }

  async #handle(message: Message): Promise<void> {
    if (!(message instanceof ServiceMessage)) return;
    const handler = this.#handlers.get(message.operation);
    if (handler === undefined) throw this.#unknown(message.operation);
    message.result = await handler(message.data, message);
  }

  #unknown(operation: string): Error {
    const known = [...this.#handlers.keys()].join(', ');
    const error = new Error(
      `service "${this.#parts.place.name}" has no operation "${operation}"; it has ${known}`,
    );
    error.name = 'UnknownOperation';
    return error;
  }

  /** Only for those who look at the signal. */
  #abortInTime(message: ServiceMessage): void {
    const { clock } = this.#parts.context;
    if (message.deadline === undefined) return;
    const timer = clock.after(Math.max(0, message.deadline - clock.nowMs()), () => {
      message.abort(
        new PolymqError('timeout', `nobody waits for the reply to "${message.operation}" any more`),
      );
    });
    message.whenOver = () => timer.cancel();
  }
}
