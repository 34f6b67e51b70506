/**
 * For messages that nobody keeps alive and whose signal somebody looks at: one timer each, until the lease has run out, the message is
 * settled, or the client closes. Costs nothing while there are none.
 */
import type { ClientContext } from '../driver/client-context.ts';
import type { ClockTimer } from '../lib/clock.ts';
import type { QueueMessage } from './queue-message.ts';

export class LeaseTimers {
  readonly #context: ClientContext;
  readonly #onEnd: (message: QueueMessage) => void;
  readonly #timers = new Map<QueueMessage, ClockTimer>();
  /** The client closes them, while there are any. */
  #forget: (() => void) | undefined = undefined;

  constructor(context: ClientContext, onEnd: (message: QueueMessage) => void) {
    this.#context = context;
    this.#onEnd = onEnd;
  }

  watch(message: QueueMessage): void {
    const { clock } = this.#context;
    this.#forget ??= this.#context.closeWithClient({ close: async () => this.#cancelAll() });
    const leftMs = Math.max(0, message.leaseEndMs - clock.nowMs());
    const timer = clock.after(leftMs, () => {
      this.#timers.delete(message);
      // It may have been extended, or be on its way to the engine.
      if (message.isLeased && message.leaseEndMs > clock.nowMs()) this.watch(message);
      else if (message.state === 'open') this.#onEnd(message);
      this.#checkNone();
    });
    this.#timers.set(message, timer);
  }

  cancel(message: QueueMessage): void {
    if (this.#timers.size === 0) return;
    this.#timers.get(message)?.cancel();
    if (this.#timers.delete(message)) this.#checkNone();
  }

  #cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#checkNone();
  }

  #checkNone(): void {
    if (this.#timers.size > 0) return;
    this.#forget?.();
    this.#forget = undefined;
  }
}
