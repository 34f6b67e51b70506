import type { MessageStore } from './message-store.ts';
import type { QueueMessages } from './queue-messages.ts';

/** Brings the message at the head of a queue into memory, one at a time; the store brings those behind it as well. */
export class HeadLoader {
  readonly #store: MessageStore;
  readonly #messages: QueueMessages;
  readonly #onLoaded: (lost: boolean) => void;
  #loading: Promise<void> | undefined;

  /** `onLoaded` is told when the message is still at the head, but cannot be read any more. */
  constructor(store: MessageStore, messages: QueueMessages, onLoaded: (lost: boolean) => void) {
    this.#store = store;
    this.#messages = messages;
    this.#onLoaded = onLoaded;
  }

  /** Resolves when this row, or the one that was at the head before, was loaded. */
  load(row: number): Promise<void> {
    this.#loading ??= this.#load(row, this.#messages.seq(row)).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(row: number, seq: number): Promise<void> {
    await this.#store.load(row);
    this.#loading = undefined;
    const messages = this.#messages;
    const isHead = messages.peek() === row && messages.seq(row) === seq;
    this.#onLoaded(isHead && !this.#store.locate(row));
  }
}
