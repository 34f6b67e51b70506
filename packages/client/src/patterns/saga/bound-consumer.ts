/**
 * A consumer whose queue gets copies of topics. It is ready when those come, too. A binding that fails is made again with growing pauses, as long as the
 * consumer is open, and each failure is told; what is sent to the queue itself is handled meanwhile. One that can never be made closes the consumer.
 */
import type { ClientContext } from '../../driver/client-context.ts';
import { PolymqError } from '../../errors.ts';
import { sleep } from '../../lib/clock.ts';
import { deferred } from '../../lib/deferred.ts';
import type { CloseOptions, Consumer } from '../../queue/queue.ts';

const AGAIN_FIRST_MS = 500;
const AGAIN_MAX_MS = 30_000;

export class BoundConsumer implements Consumer {
  readonly closed: Promise<void>;
  readonly #consumer: Consumer;
  readonly #ready: Promise<void>;
  readonly #stopped = new AbortController();
  #failure: unknown;

  constructor(
    consumer: Consumer,
    bind: () => Promise<void>,
    { clock, onError }: Pick<ClientContext, 'clock' | 'onError'>,
  ) {
    this.#consumer = consumer;
    this.closed = this.#ended();
    this.closed.catch(noop);
    const bound = deferred<void>();
    this.#stopped.signal.addEventListener('abort', () => bound.reject(this.#failure ?? isOver()));
    this.#ready = Promise.all([consumer.ready(), bound.promise]).then(noop);
    this.#ready.catch(noop);
    void this.#bind(bind, clock, onError).then(bound.resolve);
  }

  get running(): number {
    return this.#consumer.running;
  }

  get concurrency(): number {
    return this.#consumer.concurrency;
  }

  get paused(): boolean {
    return this.#consumer.paused;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  setConcurrency(concurrency: number): void {
    this.#consumer.setConcurrency(concurrency);
  }

  pause(): void {
    this.#consumer.pause();
  }

  resume(): void {
    this.#consumer.resume();
  }

  close(options?: CloseOptions): Promise<void> {
    this.#stopped.abort();
    return this.#consumer.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ended(): Promise<void> {
    try {
      await this.#consumer.closed;
    } finally {
      this.#stopped.abort();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #bind(
    bind: () => Promise<void>,
    clock: ClientContext['clock'],
    onError: (error: unknown) => void,
  ): Promise<void> {
    const { signal } = this.#stopped;
    for (
      let waitMs = AGAIN_FIRST_MS;
      !signal.aborted;
      waitMs = Math.min(waitMs * 2, AGAIN_MAX_MS)
    ) {
      try {
        return await bind();
      } catch (error: unknown) {
        if (signal.aborted) return;
        onError(error);
        if (error instanceof PolymqError && !error.retryable) {
          this.#failure = error;
          await this.close();
          return;
        }
      }
      await sleep(clock, waitMs, signal);
    }
  }
}

function isOver(): PolymqError {
  return new PolymqError('closed', 'the consumer of the saga has been closed; start it again');
}

function noop(): void {}
