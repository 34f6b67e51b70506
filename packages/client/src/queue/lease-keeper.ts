/**
 * Keeps the leases of what a consumer holds alive, whether a handler works on it or it waits for one. One timer looks at all of them
 * three times per lease, so that most messages, which are done long before, cost nothing. What is older than `leaseMax` is
 * extended no more; when its lease has ended, it is lost, and what has waited for a handler all the time goes back before.
 */

import type { ClockTimer } from '../lib/clock.ts';
import type { QueueMessage } from './queue-message.ts';
import type { QueuePlan } from './queue-plan.ts';
import type { Settling } from './settling.ts';

const LOOKS_PER_LEASE = 3;
const LOOK_MS_MIN = 10;

export interface KeptMessages {
  readonly size: number;
  values(): IterableIterator<QueueMessage>;
}

export class LeaseKeeper {
  readonly #plan: QueuePlan;
  readonly #settling: Settling;
  readonly #held: KeptMessages;
  readonly #onLost: (message: QueueMessage) => void;
  readonly #onOld: (message: QueueMessage) => void;
  readonly #onError: (error: unknown) => void;
  #timer: ClockTimer | undefined = undefined;

  constructor(options: {
    settling: Settling;
    held: KeptMessages;
    /** Told once of each message that is lost here. */
    onLost: (message: QueueMessage) => void;
    /** Told of each that no handler has had in all its time. */
    onOld: (message: QueueMessage) => void;
    onError: (error: unknown) => void;
  }) {
    this.#settling = options.settling;
    this.#plan = options.settling.plan;
    this.#held = options.held;
    this.#onLost = options.onLost;
    this.#onOld = options.onOld;
    this.#onError = options.onError;
  }

  /** Something is held that has to be looked after. */
  arm(): void {
    const { queues, leaseMs, context } = this.#plan;
    if (this.#timer !== undefined || queues.extend === undefined || this.#held.size === 0) return;
    const everyMs = Math.max(LOOK_MS_MIN, leaseMs / LOOKS_PER_LEASE);
    this.#timer = context.clock.after(everyMs, () => {
      this.#timer = undefined;
      this.#look();
      this.arm();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const { context, leaseMs, leaseMaxMs } = this.#plan;
    const nowMs = context.clock.nowMs();
    let told = false;
    const failed = (error: unknown): void => {
      if (!told) this.#onError(error);
      told = true;
    };
    for (const message of [...this.#held.values()]) {
      if (!message.isLeased) continue;
      if (message.leaseEndMs <= nowMs) {
        this.#settling.lose(message, 'its lease ended');
        this.#onLost(message);
        continue;
      }
      const leftMs = Math.min(leaseMs, message.arrivedMs + leaseMaxMs - nowMs);
      const isYoung = message.leaseEndMs - nowMs > (leaseMs * 2) / LOOKS_PER_LEASE;
      if (isYoung) continue;
      if (leftMs <= leaseMs / LOOKS_PER_LEASE && !message.started && message.state === 'open') {
        this.#onOld(message);
        continue;
      }
      if (leftMs <= 0) continue;
      void this.#extend(message, leftMs, failed);
    }
  }

  async #extend(
    message: QueueMessage,
    leaseMs: number,
    failed: (error: unknown) => void,
  ): Promise<void> {
    try {
      await this.#settling.extend(message, leaseMs);
    } catch (error) {
      if (message.state === 'lost') this.#onLost(message);
      else failed(error);
    }
  }
}
