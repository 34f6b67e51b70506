/**
 * A message of a queue, leased to this process. It is settled once:
 *
 *   open ──► settling ──► ack | retry | dead-letter | released
 *    ▲          │ the engine could not be reached
 *    ├──────────┘
 *    ├────► waiting   (the attempt failed, and the next one is made with the message as it is held here)
 *    └────► lost      (the lease ended, or the engine says that it is somebody else's)
 */
import type { PolymqError } from '../errors.ts';
import { type Duration, durationMs } from '../lib/duration.ts';
import { attemptError, countIn, errorsIn, withError } from '../message/attempts.ts';
import { HEADER } from '../message/headers.ts';
import type { AttemptError, NackOptions } from '../message/message.ts';
import { ReceivedMessage } from '../message/received-message.ts';
import type { Delivery } from '../message/wire-message.ts';
import type { Settling } from './settling.ts';

const DONE: Promise<void> = Promise.resolve();

export type MessageState =
  | 'open'
  | 'settling'
  | 'waiting'
  | 'ack'
  | 'retry'
  | 'dead-letter'
  | 'released'
  | 'lost';

export class QueueMessage<T = unknown> extends ReceivedMessage<T> {
  readonly delivery: Delivery;
  state: MessageState = 'open';
  /** When the lease ends if nobody extends it, ms since the epoch; Infinity if it has no time. */
  leaseEndMs: number;
  /** A consumer keeps the lease alive. */
  kept = false;
  /** A handler has got it. */
  started = false;
  /** When this process got it. */
  readonly arrivedMs: number;
  /** Attempts that failed here without the message having left: fifo queues whose order the client keeps. */
  localErrors: readonly AttemptError[] | undefined = undefined;
  localAttempts = 0;
  /** How long it is `waiting`. */
  retryAfterMs = 0;
  readonly #settling: Settling;

  constructor(delivery: Delivery, settling: Settling, nowMs: number) {
    super(delivery);
    this.delivery = delivery;
    this.#settling = settling;
    this.arrivedMs = nowMs;
    this.leaseEndMs = delivery.leaseMs === undefined ? Infinity : nowMs + delivery.leaseMs;
  }

  get source(): string {
    return this.#settling.plan.name;
  }

  get partition(): undefined {
    return undefined;
  }

  get offset(): undefined {
    return undefined;
  }

  get retryCount(): number {
    const { headers, redeliveries } = this.delivery;
    return countIn(headers, HEADER.attempts) + redeliveries + this.localAttempts;
  }

  override get errors(): readonly AttemptError[] {
    return this.localErrors ?? errorsIn(this.delivery.headers);
  }

  /** Whether it is ours as far as we know, and not settled. */
  get isLeased(): boolean {
    return this.state === 'open' || this.state === 'settling' || this.state === 'waiting';
  }

  /** An attempt failed and the message stays here for the next. */
  failedHere(error: unknown, nowMs: number, retryAfterMs: number): void {
    this.localErrors = withError(this.errors, attemptError(error, nowMs));
    this.localAttempts += 1;
    this.retryAfterMs = retryAfterMs;
    this.state = 'waiting';
  }

  ack(): Promise<void> {
    try {
      return this.#settling.ack(this) ?? DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async nack(options: NackOptions = {}): Promise<void> {
    const { label } = this.#settling.plan;
    const delayMs =
      options.delay === undefined
        ? undefined
        : durationMs(options.delay, `delay of nack (${label})`);
    await this.#settling.fail(this, options.reason ?? 'nack', delayMs, true);
  }

  async extend(by?: Duration): Promise<void> {
    const { leaseMs, label } = this.#settling.plan;
    await this.#settling.extend(
      this,
      by === undefined ? leaseMs : durationMs(by, `extend (${label})`),
    );
  }

  async reject(reason?: unknown): Promise<void> {
    await this.#settling.reject(this, reason ?? 'rejected');
  }

  async reply(data: unknown): Promise<void> {
    await this.#settling.reply(this, data);
  }

  /** It is somebody else's now. */
  lose(error: PolymqError): void {
    if (!this.isLeased) return;
    this.state = 'lost';
    this.abort(error);
  }

  protected override signalWanted(): void {
    this.#settling.watchLease(this);
  }
}
