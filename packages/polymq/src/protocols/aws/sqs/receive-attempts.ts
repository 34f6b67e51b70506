/**
 * ReceiveRequestAttemptId: who repeats a receive whose answer was lost gets the same messages again, invisible for the
 * whole timeout anew, as long as none of them was deleted, changed or handed out again meanwhile.
 */
import type { Queue } from '../../../core/queue/queue.ts';
import type { Clock } from '../../../lib/environment/clock.ts';
import type { Held } from './reception.ts';
import type { SqsMessage } from './render.ts';

interface Attempt {
  held: readonly Held[];
  messages: readonly SqsMessage[];
  atMs: number;
}

const WINDOW_MS = 300_000;
/** Beyond it the oldest is forgotten: a repeat then receives as if it were new. */
const ATTEMPTS_MAX = 10_000;

export class ReceiveAttempts {
  readonly #clock: Clock;
  /** By queue and id, oldest first. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The messages of the attempt, which are the caller's again for `visibilityMs`; undefined if it cannot be repeated. */
  repeat(queue: Queue, id: string, visibilityMs: number): readonly SqsMessage[] | undefined {
    const attempt = this.#attempts.get(keyOf(queue, id));
    if (attempt === undefined || this.#clock.monotonicMs() - attempt.atMs > WINDOW_MS)
      return undefined;
    const same = attempt.held.every(
      (held) => queue.holds(held.row, held.seq) && queue.attempts(held.row) === held.attempt,
    );
    if (!same) return undefined;
    for (const { row } of attempt.held) queue.extend(row, visibilityMs);
    return attempt.messages;
  }

  remember(
    queue: Queue,
    id: string,
    { held, messages }: { held: readonly Held[]; messages: readonly SqsMessage[] },
  ): void {
    const atMs = this.#clock.monotonicMs();
    const key = keyOf(queue, id);
    this.#attempts.delete(key);
    this.#attempts.set(key, { held, messages, atMs });
    for (const [oldest, attempt] of this.#attempts) {
      if (this.#attempts.size <= ATTEMPTS_MAX && atMs - attempt.atMs <= WINDOW_MS) return;
      this.#attempts.delete(oldest);
    }
  }

  /** A message of the queue was deleted or its visibility changed: attempts with it cannot be repeated. */
  changed(queue: Queue, row: number): void {
    if (this.#attempts.size === 0) return;
    const prefix = `${queue.id}\0`;
    for (const [key, { held }] of this.#attempts) {
      if (key.startsWith(prefix) && held.some((each) => each.row === row))
        this.#attempts.delete(key);
    }
  }
}

function keyOf(queue: Queue, id: string): string {
  return `${queue.id}\0${id}`;
}
