import type { MessageDraft } from '../message/message-draft.ts';
import type { QueueSettings } from './queue-definition.ts';
import type { QueueMessages } from './queue-messages.ts';

/** How many messages, and bytes of their bodies, may be ready in a queue. */
export class LengthLimit {
  readonly limited: boolean;
  readonly #messages: QueueMessages;
  readonly #lengthMax: number;
  readonly #bytesMax: number;
  /** New messages are refused, instead of the oldest ones being dropped. */
  readonly #refuses: boolean;
  /** What goes is of the lowest priority, not the next one. */
  readonly dropsLowest: boolean;

  constructor(settings: QueueSettings, messages: QueueMessages) {
    const { lengthMax, bytesMax, overflow } = settings;
    this.#messages = messages;
    this.limited = lengthMax !== undefined || bytesMax !== undefined;
    this.#lengthMax = lengthMax ?? Number.POSITIVE_INFINITY;
    this.#bytesMax = bytesMax ?? Number.POSITIVE_INFINITY;
    this.dropsLowest = overflow === 'drop-lowest-priority';
    this.#refuses = overflow === 'reject' || overflow === 'reject-dead-letter';
  }

  /** Whether one more message would be too many, and is to be refused. */
  refuses(draft: MessageDraft): boolean {
    if (!this.#refuses || draft.returning) return false;
    const { readyCount, readyBodyBytes } = this.#messages;
    return readyCount + 1 > this.#lengthMax || readyBodyBytes + draft.bodyBytes > this.#bytesMax;
  }

  /** Whether there are too many, and old ones are to be dropped. */
  isOver(): boolean {
    // What comes back to a queue that refuses may exceed the limit.
    if (this.#refuses) return false;
    return (
      this.#messages.readyCount > this.#lengthMax || this.#messages.readyBodyBytes > this.#bytesMax
    );
  }
}
