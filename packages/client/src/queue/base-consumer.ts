/**
 * What consumers of queues and topics have in common: a number of handlers at a time, pausing, and an orderly life.
 *
 *   opening ──► open ──► closing ──► closed        close(), the signal, or the client's close
 *      │          └────────────────► failed        the engine ended the subscription
 *      └─ a failure that may pass: tried again, and onError told; another one: failed
 *
 * Closing stops fetching, gives back what no handler has begun, waits for the handlers and for what they have settled, and after the
 * drain time tells the rest to stop and gives that back, too. An engine that does not answer holds it up for the drain time and a moment
 * more: what it would have been told it learns from the end of the lease, or of the connection.
 */
import type { ClientContext } from '../driver/client-context.ts';
import { PolymqError } from '../errors.ts';
import { sleep } from '../lib/clock.ts';
import { checkedConcurrency, checkedPrefetch } from '../lib/concurrency.ts';
import { Deadline } from '../lib/deadline.ts';
import { deferred } from '../lib/deferred.ts';
import { warn } from '../lib/describe.ts';
import { durationMs } from '../lib/duration.ts';
import type { CloseOptions, ConsumeOptions, Consumer } from './queue.ts';

const DRAIN_MS = 10_000;
/** For telling the engine, beyond the drain time. */
const TELL_MS = 1_000;
const AGAIN_FIRST_MS = 500;
const AGAIN_MAX_MS = 30_000;

export abstract class BaseConsumer implements Consumer {
  protected readonly context: ClientContext;
  /** For errors: `queue "orders"`. */
  protected readonly label: string;
  /** Aborted when closing begins. */
  protected readonly stopped: AbortController = new AbortController();
  readonly #onError: (error: unknown) => void;
  readonly #prefetchAsked: number | undefined;
  readonly #ready = deferred<void>();
  readonly #closed = deferred<void>();
  #forget: () => void = noop;
  #opening: Promise<void> = Promise.resolve();
  #isOpening = false;
  #concurrency: number;
  #running = 0;
  /** What is on its way to the engine: acknowledgements, moves, commits. */
  #pending = 0;
  #paused = false;
  #pumping = false;
  #closing: Promise<void> | undefined = undefined;
  #whenIdle: (() => void) | undefined = undefined;

  constructor(context: ClientContext, label: string, options: ConsumeOptions) {
    context.checkOpen();
    this.context = context;
    this.label = label;
    this.#concurrency = checkedConcurrency(options.concurrency, label);
    this.#prefetchAsked = options.prefetch;
    checkedPrefetch(options.prefetch, this.#concurrency, label);
    this.#onError = options.onError ?? context.onError;
    this.#ready.promise.catch(noop);
    this.#closed.promise.catch(noop);
  }

  /** Subscribes. May go on when the consumer is closed: then it ends what it has begun. */
  protected abstract open(): Promise<void>;
  /** Starts the next piece of work between `begin` and `end`; `false`: there is none. */
  protected abstract startNext(): boolean;
  /** The credit has changed. */
  protected abstract creditChanged(): void;
  /** It has been paused, or goes on. */
  protected pauseChanged(): void {}

  /** Nothing more is delivered when it resolves. */
  protected abstract stopFetching(): Promise<void>;
  /** What no handler has begun goes back. */
  protected abstract giveBackWaiting(): Promise<void>;
  /** What handlers work on is to be stopped and goes back. */
  protected abstract giveBackRunning(reason: PolymqError): Promise<void>;
  /** Everything else that has to be done at the end. */
  protected abstract finished(): Promise<void>;

  get running(): number {
    return this.#running;
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  setConcurrency(concurrency: number): void {
    this.#concurrency = checkedConcurrency(concurrency, this.label);
    this.creditChanged();
    this.pump();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.pauseChanged();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.pauseChanged();
    this.pump();
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { drain } = options;
    this.#closing ??= this.#close(drain === undefined ? DRAIN_MS : durationMs(drain, 'drain'));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  connectionLost(error: Error): boolean {
    if (this.#onError === this.context.onError) return false;
    this.report(error);
    return true;
  }

  /** To be called once by the constructor of the class itself. */
  protected begin(signal: AbortSignal | undefined): void {
    this.#forget = this.context.closeWithClient(this);
    this.reopen();
    const stop = (): void => void this.close();
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true, signal: this.stopped.signal });
  }

  /** Subscribes again, unless that is under way. */
  protected reopen(): void {
    if (!this.#isOpening && !this.isClosing) this.#opening = this.#open();
  }

  protected get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** How much may be held at a time. */
  protected get credit(): number {
    return this.#concurrency + this.prefetch;
  }

  /** How much of it is for handlers that come next. */
  protected get prefetch(): number {
    return checkedPrefetch(this.#prefetchAsked, this.#concurrency, this.label);
  }

  /** Starts as many handlers as may run. */
  protected pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#running < this.#concurrency && !this.#paused && this.#closing === undefined) {
      this.#running += 1;
      if (this.startNext()) continue;
      this.#running -= 1;
      break;
    }
    this.#pumping = false;
  }

  /** What `startNext` started is over. */
  protected workDone(): void {
    this.#running -= 1;
    if (this.#closing === undefined) this.pump();
    else this.#checkIdle();
  }

  /** Closing waits for it; its error is reported. Nobody else needs to. */
  protected watch(settlement: Promise<unknown>): void {
    this.#pending += 1;
    settlement.then(this.#settled, this.#settledBadly);
  }

  readonly #settled = (): void => {
    this.#pending -= 1;
    if (this.#closing !== undefined) this.#checkIdle();
  };

  readonly #settledBadly = (error: unknown): void => {
    this.report(error);
    this.#settled();
  };

  protected report(error: unknown): void {
    try {
      this.#onError(error);
    } catch (another) {
      warn(another);
    }
  }

  /** It is over, and not by `close`. */
  protected fail(error: unknown): void {
    if (this.#closing !== undefined) return;
    this.report(error);
    this.#ready.reject(error);
    this.#closed.reject(error);
    this.#closing = this.#closed.promise.catch(noop);
    this.stopped.abort();
    this.#forget();
  }

  async #open(): Promise<void> {
    this.#isOpening = true;
    await this.#tryToOpen();
    this.#isOpening = false;
  }

  async #tryToOpen(): Promise<void> {
    for (
      let waitMs = AGAIN_FIRST_MS;
      !this.isClosing;
      waitMs = Math.min(waitMs * 2, AGAIN_MAX_MS)
    ) {
      try {
        await this.open();
        this.#ready.resolve();
        return;
      } catch (error) {
        // Whoever closes it does not want to know any more.
        if (this.isClosing) return;
        if (!(error instanceof PolymqError && error.retryable)) return this.fail(error);
        this.report(error);
        await sleep(this.context.clock, waitMs, this.stopped.signal);
      }
    }
  }

  async #close(drainMs: number): Promise<void> {
    const { clock } = this.context;
    this.stopped.abort();
    const drained = new Deadline(clock, drainMs);
    const told = new Deadline(clock, drainMs + TELL_MS);
    await drained.race(this.#opening);
    await told.race(this.#try(this.stopFetching()));
    await told.race(this.#try(this.giveBackWaiting()));
    await drained.race(this.#idle());
    if (this.#running > 0 && drainMs > 0) this.report(this.#cutOff(drainMs));
    await told.race(this.#try(this.giveBackRunning(this.#closedError())));
    await told.race(this.#try(this.finished()));
    drained.cancel();
    told.cancel();
    this.#forget();
    this.#ready.reject(this.#closedError());
    this.#closed.resolve();
  }

  async #try(step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (error) {
      this.report(error);
    }
  }

  #idle(): Promise<void> {
    if (this.#running === 0 && this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  #checkIdle(): void {
    if (this.#running === 0 && this.#pending === 0) this.#whenIdle?.();
  }

  /** Nothing tells a handler that closes its own consumer from anybody else, so whoever waits too long is told that it may be one. */
  #cutOff(drainMs: number): PolymqError {
    return new PolymqError(
      'timeout',
      `the consumer of ${this.label} was closed, and handlers (${this.#running}) had not ended ${drainMs} ms later; they are told to stop, and ` +
        'their messages come again. Give more time by `drain`; and a handler that closes its own consumer must not wait for that, which is waiting for itself',
    );
  }

  #closedError(): PolymqError {
    return new PolymqError(
      'closed',
      `the consumer of ${this.label} has been closed; make a new one`,
    );
  }
}

function noop(): void {}
