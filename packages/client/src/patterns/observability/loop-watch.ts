/**
 * Names the handler that blocks the event loop. While it computes, no lease is extended, no heartbeat is answered and no other
 * handler runs, and the brokers of this world answer that by taking the messages away.
 *
 * Two measures: how long the first, synchronous part of a handler took, which names it for sure; and a heartbeat that comes too late,
 * which names all handlers that were under way.
 */
import { backgroundClock } from '../../lib/clock.ts';
import { type Duration, durationMs } from '../../lib/duration.ts';
import type { Interceptor, Place } from '../../message/interceptor.ts';
import type { Message } from '../../message/message.ts';

export interface LoopBlocked {
  /** For how long nothing else could run, ms. */
  readonly blockedMs: number;
  /** The handlers, by queue or topic and message id, that may have done it. */
  readonly suspects: readonly { readonly source: string; readonly messageId: string }[];
  /** A text for the log. */
  readonly text: string;
}

export interface LoopWatch extends Interceptor {
  /** Stops the heartbeat. */
  close(): void;
}

/** Enough to find out who it was. */
const SUSPECTS_MAX = 10;

/** `mq.use(loopWatch({ warnAfter: '100ms', warn: ({ text }) => log.warn(text) }))`. Missing `warnAfter`: 100 ms. */
export function loopWatch(options: {
  warnAfter?: Duration;
  warn: (blocked: LoopBlocked) => void;
}): LoopWatch {
  return new Watch(durationMs(options.warnAfter ?? 100, 'warnAfter'), options.warn);
}

class Watch implements LoopWatch {
  readonly name = 'loopWatch';
  readonly #warnAfterMs: number;
  readonly #warn: (blocked: LoopBlocked) => void;
  readonly #running = new Set<{ source: string; messageId: string }>();
  /** Ended since the last heartbeat: it may have been one of them. */
  #ended: { source: string; messageId: string }[] = [];
  #expectedMs = 0;
  #reportedMs = 0;
  #closed = false;
  #timer: { cancel(): void } | undefined;

  constructor(warnAfterMs: number, warn: (blocked: LoopBlocked) => void) {
    this.#warnAfterMs = warnAfterMs;
    this.#warn = warn;
    this.#beat();
  }

  process(message: Message, place: Place, next: () => Promise<void>): Promise<void> {
    const handler = { source: place.name, messageId: message.id };
    this.#running.add(handler);
    const startMs = performance.now();
    const done = next();
    const blockedMs = performance.now() - startMs;
    if (blockedMs >= this.#warnAfterMs) this.#report(blockedMs, [handler]);
    return done.finally(() => {
      this.#running.delete(handler);
      if (this.#ended.length < SUSPECTS_MAX) this.#ended.push(handler);
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #beat(): void {
    const everyMs = Math.max(5, this.#warnAfterMs / 2);
    this.#expectedMs = performance.now() + everyMs;
    this.#timer = backgroundClock.after(everyMs, () => this.#onBeat());
  }

  #onBeat(): void {
    if (this.#closed) return;
    const lateMs = performance.now() - this.#expectedMs;
    const suspects = [...this.#running, ...this.#ended].slice(0, SUSPECTS_MAX);
    const isNews = performance.now() - this.#reportedMs > lateMs;
    if (lateMs >= this.#warnAfterMs && suspects.length > 0 && isNews)
      this.#report(lateMs, suspects);
    this.#ended = [];
    this.#beat();
  }

  #report(blockedMs: number, suspects: LoopBlocked['suspects']): void {
    this.#reportedMs = performance.now();
    const names = [...new Set(suspects.map(({ source }) => source))].join(', ');
    const who = suspects.length === 1 ? `the handler of ${names}` : `a handler of ${names}`;
    const text =
      `${who} blocked the event loop for ${Math.round(blockedMs)} ms (message ${suspects[0]!.messageId}); ` +
      'move the computation to a worker thread, or give way with await';
    this.#warn({ blockedMs, suspects, text });
  }
}
