/**
 * A consumer as a loop. The handler of the consumer underneath lasts as long as the body of the loop: going to the next
 * message ends it well, leaving the loop gives the message back. It consumes from the first `next` on.
 */
import { PolymqError } from '../errors.ts';
import { type Deferred, deferred } from '../lib/deferred.ts';
import type { Message } from '../message/message.ts';
import type { ConsumeOptions, Consumer } from './queue.ts';

type Result<T> = IteratorResult<Message<T>, undefined>;
type Start = (handler: (message: Message) => unknown) => Consumer;

/** A handler that throws this gives the message back as if it had never come. */
export const GIVE_BACK: Error = new Error('the message is given back');

export class MessageIterator<T> implements AsyncIterableIterator<Message<T>> {
  readonly #start: Start;
  #consumer: Consumer | undefined = undefined;
  /** Ends the body of the loop for the consumer. */
  #body: Deferred<void> | undefined = undefined;
  #asked: Deferred<Result<T>> | undefined = undefined;
  #end: { readonly error: unknown } | 'done' | undefined = undefined;

  constructor(start: Start) {
    this.#start = start;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result<T>> {
    if (this.#asked !== undefined) {
      throw new PolymqError(
        'invalid-argument',
        'next() was called while another next() waits; for several messages at a time use consume with concurrency',
      );
    }
    this.#begin();
    this.#body?.resolve();
    this.#body = undefined;
    if (this.#end === 'done') return DONE;
    if (this.#end !== undefined) throw this.#end.error;
    this.#asked = deferred();
    return this.#asked.promise;
  }

  async return(): Promise<Result<T>> {
    this.#body?.reject(GIVE_BACK);
    this.#body = undefined;
    if (this.#consumer === undefined) this.#end = 'done';
    else await this.#consumer.close();
    return DONE;
  }

  #begin(): void {
    if (this.#consumer !== undefined || this.#end !== undefined) return;
    this.#consumer = this.#start((message) => this.#take(message as Message<T>));
    this.#consumer.closed.then(
      () => this.#over('done'),
      (error: unknown) => this.#over({ error }),
    );
  }

  /** The consumer runs one handler at a time, so somebody has asked. */
  #take(value: Message<T>): Promise<void> {
    this.#body = deferred();
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.resolve({ done: false, value });
    return this.#body.promise;
  }

  #over(end: { readonly error: unknown } | 'done'): void {
    this.#end = end;
    const asked = this.#asked;
    this.#asked = undefined;
    if (end === 'done') asked?.resolve(DONE);
    else asked?.reject(end.error);
  }
}

const DONE = { done: true, value: undefined } as const;

/** One at a time is what a loop means. */
export function loopOptions(options: ConsumeOptions, place: string): ConsumeOptions {
  if (options.concurrency === undefined || options.concurrency === 1) return options;
  throw new PolymqError(
    'invalid-argument',
    `messages() of ${place} hands out one message at a time; for concurrency ${options.concurrency} use consume`,
  );
}
