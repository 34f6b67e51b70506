import type { DeathReason } from '../message/history.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { CoreQueue } from './core-queue.ts';
import type { QueueContext } from './queue-context.ts';
import type { QueueMessages } from './queue-messages.ts';
import type { QueueRules } from './queue-rules.ts';
import type { RowPage, RowTable } from './rows.ts';

/** How messages of one queue end otherwise than by being acknowledged: they are sent on, or dropped. */
export class QueueDeaths {
  readonly #queue: CoreQueue;
  readonly #context: QueueContext;
  readonly #messages: QueueMessages;
  readonly #rules: QueueRules;
  readonly #rows: RowTable;

  constructor(queue: CoreQueue, context: QueueContext, messages: QueueMessages, rules: QueueRules) {
    this.#queue = queue;
    this.#context = context;
    this.#messages = messages;
    this.#rules = rules;
    this.#rows = context.store.rows;
  }

  /** `nowMs` 0: now. */
  isExpired(page: RowPage, index: number, nowMs: number): boolean {
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0) return false;
    return expiresMs <= (nowMs === 0 ? this.#context.clock.nowMs() : nowMs);
  }

  /** The message at the head has expired. */
  expireHead(row: number): void {
    this.#context.counters.expired += 1;
    this.killHead(row, 'expired');
  }

  /** The message at the head, or at that of its priority, dies. */
  killHead(row: number, reason: DeathReason): void {
    const page = this.#rows.page(row);
    const index = this.#rows.index(row);
    this.#messages.pop(row, page, index);
    this.kill(row, page, index, reason);
  }

  /** A message in limbo dies. */
  kill(row: number, page: RowPage, index: number, reason: DeathReason): void {
    if (this.#rules.deadLetters(reason) && !this.#queue.deleted) {
      this.#context.deadLetter(row, reason);
      return;
    }
    this.#context.counters.dropped += 1;
    this.forget(row, page, index);
  }

  /** The end of every message, which is in limbo. Another one of its group may be next. */
  forget(row: number, page: RowPage, index: number): void {
    if (this.#messages.forget(row, page, index)) this.#queue.pump();
  }

  /** A message that is not taken in, as the queue is full. */
  refuse(draft: MessageDraft): void {
    this.#context.counters.refused += 1;
    const { overflow } = this.#rules.settings;
    if (overflow === 'reject-dead-letter' && this.#rules.deadLetters('maxlen')) {
      this.#context.deadLetterRefused(this.#queue, draft);
    }
  }
}
