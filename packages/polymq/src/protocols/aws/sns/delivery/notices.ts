/**
 * What SNS tells endpoints beside messages: confirm your subscription, your subscription has ended. They are tried again as
 * messages are, but wait in memory: after a restart the endpoint's owner subscribes again.
 */
import type { Timer } from '../../../../lib/environment/clock.ts';
import type { Environment } from '../../../../lib/environment/environment.ts';
import type { Logger } from '../../../../lib/logger.ts';
import type { Failure } from './delivery.ts';
import { type RetryPolicy, retryDelayMs } from './policy/retry-policy.ts';

/** Notices that wait or run; anybody who may subscribe can cause one. */
const PENDING_MAX = 1_000;
/** At the same time. */
const RUNNING_MAX = 10;

export interface Notice {
  /** What it is about; a newer one about the same takes its place. */
  readonly key: string;
  readonly subscriptionArn: string;
  readonly retries: RetryPolicy;
  send(): Promise<Failure | undefined>;
}

interface Pending {
  readonly notice: Notice;
  attempts: number;
  timer: Timer | undefined;
}

export class Notices {
  readonly #timers: Environment['timers'];
  readonly #logger: Logger;
  readonly #pending = new Map<string, Pending>();
  readonly #waiting = new Set<Pending>();
  readonly #onIdle: () => void;
  #running = 0;
  #closed = false;

  constructor({ timers }: Environment, logger: Logger, onIdle: () => void) {
    this.#timers = timers;
    this.#logger = logger;
    this.#onIdle = onIdle;
  }

  get running(): number {
    return this.#running;
  }

  add(notice: Notice): void {
    this.cancel(notice.key);
    if (this.#closed) return;
    if (this.#pending.size >= PENDING_MAX) {
      const fields = { subscription: notice.subscriptionArn, pending: PENDING_MAX };
      this.#logger.warn(fields, 'too many endpoints wait for a notice: this one gets none');
      return;
    }
    const pending: Pending = { notice, attempts: 0, timer: undefined };
    this.#pending.set(notice.key, pending);
    this.#waiting.add(pending);
    this.#work();
  }

  cancel(key: string): void {
    const pending = this.#pending.get(key);
    if (pending !== undefined) this.#forget(pending);
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#pending.values()) this.#forget(pending);
  }

  #work(): void {
    for (const pending of this.#waiting) {
      if (this.#running >= RUNNING_MAX) return;
      this.#waiting.delete(pending);
      this.#running += 1;
      this.#attempt(pending).catch((error: unknown) =>
        this.#logger.error({ error }, 'a notice failed inside the broker'),
      );
    }
  }

  async #attempt(pending: Pending): Promise<void> {
    let failure: Failure | undefined;
    try {
      failure = await pending.notice.send();
    } catch (error) {
      this.#logger.error({ error }, 'a notice failed inside the broker');
      failure = { retry: true, code: 'InternalError', message: 'the broker failed to send it' };
    }
    this.#running -= 1;
    if (this.#isCurrent(pending)) this.#settle(pending, failure);
    this.#work();
    if (this.#running === 0) this.#onIdle();
  }

  #settle(pending: Pending, failure: Failure | undefined): void {
    if (failure === undefined) {
      this.#forget(pending);
      return;
    }
    const { notice } = pending;
    const delayMs = failure.retry ? retryDelayMs(notice.retries, pending.attempts) : undefined;
    pending.attempts += 1;
    if (delayMs !== undefined) {
      pending.timer = this.#timers.after(delayMs, () => {
        this.#waiting.add(pending);
        this.#work();
      });
      return;
    }
    this.#forget(pending);
    const { code, message } = failure;
    const fields = { subscription: notice.subscriptionArn, code, failure: message };
    this.#logger.warn(fields, 'an endpoint could not be told of its subscription');
  }

  #isCurrent(pending: Pending): boolean {
    return this.#pending.get(pending.notice.key) === pending;
  }

  #forget(pending: Pending): void {
    this.#timers.clear(pending.timer);
    this.#waiting.delete(pending);
    this.#pending.delete(pending.notice.key);
  }
}
