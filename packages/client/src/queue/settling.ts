/**
 * How messages of one queue end: acknowledged, tried again later, dead, or given back. A failed attempt goes back into
 * the queue as a copy that carries the count and the errors in its headers, in place of the delivery
 * (`QueueDriver.move`), so that they survive restarts. In fifo queues the message keeps its place and the engine
 * counts (`release`).
 */
import { sendReply } from '../driver/reply.ts';
import { PolymqError } from '../errors.ts';
import { reasonText } from '../lib/describe.ts';
import { settleChannel } from '../lib/diagnostics.ts';
import { attemptError, countIn, storable, withError } from '../message/attempts.ts';
import { HEADER } from '../message/headers.ts';
import type { Interceptor, Outcome } from '../message/interceptor.ts';
import type { AttemptError } from '../message/message.ts';
import { leaseLost } from '../message/received-message.ts';
import type { OutgoingMessage } from '../message/wire-message.ts';
import { tellSettled } from '../message/wrapping.ts';
import { Acks } from './acks.ts';
import { LeaseTimers } from './lease-timers.ts';
import type { QueueMessage } from './queue-message.ts';
import type { QueuePlan } from './queue-plan.ts';

export class Settling {
  readonly plan: QueuePlan;
  readonly #listeners: readonly Interceptor[];
  /** Of messages that are acknowledged by hand. */
  readonly #acks: Acks = new Acks(this);
  readonly #leaseTimers: LeaseTimers;

  constructor(plan: QueuePlan) {
    this.plan = plan;
    this.#leaseTimers = new LeaseTimers(plan.context, (message) => {
      this.lose(message, 'its lease ended');
    });
    this.#listeners = plan.interceptors.filter((each) => each.settled !== undefined);
  }

  /** `undefined`: done. Does nothing for what is settled already; rejects with `lease-lost`. */
  ack(message: QueueMessage): Promise<void> | undefined {
    if (message.state === 'lost') return Promise.reject(this.lost(message));
    return this.#acks.add(message);
  }

  /**
   * Acknowledges the message if it is open. The promise is the engine's: when it has resolved, say so by `acked`, else by `refused`.
   * `undefined`: done.
   */
  beginAck(message: QueueMessage): Promise<void> | undefined {
    if (message.state !== 'open') return undefined;
    const confirmed = this.plan.queues.ack(message.delivery);
    if (confirmed === undefined) this.acked(message);
    else message.state = 'settling';
    return confirmed;
  }

  acked(message: QueueMessage): void {
    message.state = 'ack';
    this.#tell(message, 'ack');
  }

  /** This attempt failed: again after `delayMs` (undefined: by the policy), or dead. `isSaid`: the handler has given the reason. */
  async fail(
    message: QueueMessage,
    thrown: unknown,
    delayMs?: number,
    isSaid = false,
  ): Promise<void> {
    if (!this.#isOpen(message)) return;
    const error = this.#storable(thrown, isSaid);
    const { retry, spec, queues, name, context } = this.plan;
    const failed = message.retryCount + 1;
    if (failed > retry.max) return this.#die(message, reasonText(error), failed, error);
    const waitMs = delayMs ?? retry.delayMs(failed, thrown);
    const nowMs = context.clock.nowMs();
    const restMs = leftMs(message, nowMs);
    if (restMs <= waitMs) {
      const reason = `its ttl ends before its next attempt: ${reasonText(error)}`;
      return this.#die(message, reason, failed, error);
    }
    if (spec.fifo && queues.keyOrder === 'client' && message.kept) {
      message.failedHere(error, nowMs, waitMs);
      return this.#tell(message, 'retry');
    }
    if (spec.fifo) {
      const released = queues.release(message.delivery, waitMs);
      return this.#settle(message, 'retry', released ?? Promise.resolve());
    }
    const errors = withError(message.errors, attemptError(error, nowMs));
    const headers = { ...message.delivery.headers, ...attemptHeaders(failed, errors) };
    // Not every engine takes both a delay and a ttl; who gets it after a delay looks whether it is alive (`isPoison`).
    const ttlMs = waitMs > 0 || restMs === Number.POSITIVE_INFINITY ? undefined : restMs;
    const copy = copyOf(message, headers, waitMs, ttlMs);
    return this.#settle(message, 'retry', queues.move(message.delivery, name, copy));
  }

  /** Straight to the dead letters. */
  async reject(message: QueueMessage, reason: unknown): Promise<void> {
    if (!this.#isOpen(message)) return;
    const error = this.#storable(reason, true);
    await this.#die(message, reasonText(error), message.retryCount + 1, error);
  }

  /**
   * Whether it is to be given up before anybody sees it: it was handed out more often than it may be without any attempt having ended, so
   * it kills its workers; or it has waited for its next attempt longer than it lives, which not every engine notices. Where the engine
   * cannot tell what a handler had begun from what lay beside it, having been handed out once proves nothing.
   */
  isPoison(message: QueueMessage): boolean {
    const { retry, queues } = this.plan;
    const count = message.retryCount;
    if (count === 0) return false;
    const vainMin = queues.begin === undefined ? 2 : 1;
    const isVain = count > retry.max && message.delivery.redeliveries >= vainMin;
    return isVain || this.#isExpired(message);
  }

  async giveUp(message: QueueMessage): Promise<void> {
    if (!this.#isOpen(message)) return;
    const count = message.retryCount;
    if (count <= this.plan.retry.max) return this.#die(message, 'expired', count, undefined);
    const reason = `gave up after ${count} attempts that never answered`;
    await this.#die(message, reason, count, undefined);
  }

  /** Gives it back as it is: nothing failed. `isUnseen`: the caller knows that no program has seen it. */
  async release(message: QueueMessage, delayMs = 0, isUnseen = false): Promise<void> {
    if (message.state !== 'open' && message.state !== 'waiting') return;
    message.state = 'released';
    this.#leaseTimers.cancel(message);
    const isWaiting = message.kept && !message.started && message.localAttempts === 0;
    await this.plan.queues.release(message.delivery, delayMs, isUnseen || isWaiting);
  }

  async extend(message: QueueMessage, leaseMs: number): Promise<void> {
    const { queues, context } = this.plan;
    if (message.state === 'lost') throw this.lost(message);
    if (queues.extend === undefined || !message.isLeased) return;
    try {
      await queues.extend(message.delivery, leaseMs);
      message.leaseEndMs = context.clock.nowMs() + leaseMs;
    } catch (error) {
      this.refused(message, error);
      throw error;
    }
  }

  async reply(message: QueueMessage, data: unknown): Promise<void> {
    await sendReply(this.plan.context, message.wire, data);
  }

  /** For a message that nobody keeps alive: its signal aborts when the lease has run out. */
  watchLease(message: QueueMessage): void {
    if (message.kept || message.leaseEndMs === Number.POSITIVE_INFINITY) return;
    this.#leaseTimers.watch(message);
  }

  /** The engine gives it to somebody else, or has done so. */
  lose(message: QueueMessage, why: string): void {
    if (!message.isLeased) return;
    message.lose(leaseLost(message.wire, this.plan.label, why));
    this.#tell(message, 'lost');
  }

  lost(message: QueueMessage): PolymqError {
    return leaseLost(message.wire, this.plan.label, 'it was lost before it was settled');
  }

  /** What of an error goes into headers. A text that was said was said to be kept. */
  #storable(error: unknown, isSaid: boolean): unknown {
    return isSaid && typeof error === 'string' ? error : storable(error, this.plan.storedErrors);
  }

  #isExpired(message: QueueMessage): boolean {
    return leftMs(message, this.plan.context.clock.nowMs()) <= 0;
  }

  #isOpen(message: QueueMessage): boolean {
    if (message.state === 'lost') throw this.lost(message);
    return message.state === 'open';
  }

  async #die(
    message: QueueMessage,
    reason: string,
    attempts: number,
    error: unknown,
  ): Promise<void> {
    const { deadLetter, queues, name, label, context } = this.plan;
    if (deadLetter === undefined) {
      const text = `message ${message.id} of ${label} is dropped, for there is no dead-letter queue: ${reason}`;
      context.onError(new PolymqError('invalid-message', text, { cause: error }));
      const dropped = queues.ack(message.delivery) ?? Promise.resolve();
      return this.#settle(message, 'dead-letter', dropped);
    }
    const nowMs = context.clock.nowMs();
    const errors =
      error === undefined ? message.errors : withError(message.errors, attemptError(error, nowMs));
    const headers = {
      ...message.delivery.headers,
      ...attemptHeaders(attempts, errors),
      [HEADER.deadQueue]: name,
      [HEADER.deadReason]: reason,
      [HEADER.deadAt]: String(nowMs),
    };
    const letter = copyOf(message, headers, undefined, undefined);
    return this.#settle(message, 'dead-letter', queues.move(message.delivery, deadLetter, letter));
  }

  async #settle(message: QueueMessage, outcome: Outcome, done: Promise<void>): Promise<void> {
    message.state = 'settling';
    try {
      await done;
    } catch (error) {
      this.refused(message, error);
      throw error;
    }
    message.state = outcome;
    this.#tell(message, outcome);
  }

  /** A message that only could not be reached stays open, so that it can be settled again. */
  refused(message: QueueMessage, error: unknown): void {
    if (error instanceof PolymqError && error.code === 'lease-lost') {
      this.lose(message, 'the engine says so');
    } else if (message.state === 'settling') {
      message.state = 'open';
    }
  }

  #tell(message: QueueMessage, outcome: Outcome): void {
    this.#leaseTimers.cancel(message);
    const { place, context } = this.plan;
    if (settleChannel.hasSubscribers) {
      settleChannel.publish({ place, message: message.wire, outcome });
    }
    if (this.#listeners.length > 0) {
      tellSettled(this.#listeners, message.wire, place, outcome, context.onError);
    }
  }
}

function attemptHeaders(
  attempts: number,
  errors: readonly AttemptError[],
): Readonly<Record<string, string>> {
  return { [HEADER.attempts]: String(attempts), [HEADER.errors]: JSON.stringify(errors) };
}

/** How long it lives still by its own `ttl`; Infinity: it came without one. */
function leftMs({ delivery }: QueueMessage, nowMs: number): number {
  const endMs = countIn(delivery.headers, HEADER.expires);
  return endMs === 0 ? Number.POSITIVE_INFINITY : endMs - nowMs;
}

/** The bytes as they came, so that what was encrypted stays so. */
function copyOf(
  { delivery }: QueueMessage,
  headers: Readonly<Record<string, string>>,
  delayMs: number | undefined,
  ttlMs: number | undefined,
): OutgoingMessage {
  return {
    id: delivery.id,
    body: delivery.body,
    contentType: delivery.contentType,
    type: delivery.type,
    headers,
    key: delivery.key,
    timestampMs: delivery.timestampMs,
    correlationId: delivery.correlationId,
    replyTo: delivery.replyTo,
    delayMs,
    priority: delivery.priority,
    dedupe: undefined,
    ttlMs,
  };
}
