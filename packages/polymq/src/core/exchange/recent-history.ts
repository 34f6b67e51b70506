/**
 * The newest messages of recent-history exchanges, which whoever is bound later gets first. They are copies in memory,
 * bounded in number by the declaration, in bytes per exchange and in bytes of all exchanges together, and are gone
 * after a restart.
 */
import { MessageView } from '../message/message-bytes.ts';
import {
  encodedHistory,
  type MessageDraft,
  messageBytes,
  writeMessage,
} from '../message/message-draft.ts';
import { fillDraft } from './replayed-draft.ts';

const BYTES_MAX: number = 1024 * 1024;
const BYTES_OF_ALL_MAX: number = 64 * 1024 * 1024;
/** How many messages an exchange remembers that does not say. */
export const HISTORY_LENGTH_DEFAULT = 20;

/** What all histories of a broker hold together. */
export interface HistoryBudget {
  bytes: number;
}

interface Copy {
  bytes: Buffer;
  priority: number;
  ttlMs: number;
  groupId: string | undefined;
}

export class RecentHistory {
  readonly #countMax: number;
  readonly #budget: HistoryBudget;
  readonly #copies: Copy[] = [];
  #bytes = 0;

  constructor(countMax: number, budget: HistoryBudget) {
    this.#countMax = countMax;
    this.#budget = budget;
  }

  get count(): number {
    return this.#copies.length;
  }

  /** Copies the message. One that is too large for the history alone is not remembered. */
  add(draft: MessageDraft): void {
    const history = encodedHistory(draft);
    const size = messageBytes(draft, history);
    if (size > BYTES_MAX) return;
    while (this.count > 0 && (this.count >= this.#countMax || this.#bytes + size > BYTES_MAX)) {
      this.#dropOldest();
    }
    while (this.count > 0 && this.#budget.bytes + size > BYTES_OF_ALL_MAX) this.#dropOldest();
    if (this.#budget.bytes + size > BYTES_OF_ALL_MAX) return;
    const bytes = Buffer.allocUnsafeSlow(size);
    writeMessage(draft, history, bytes, 0);
    const { priority, ttlMs, groupId } = draft;
    this.#copies.push({ bytes, priority, ttlMs, groupId });
    this.#countBytes(size);
  }

  /** Fills `draft` with one message after another, oldest first. */
  replay(draft: MessageDraft, publish: () => void): void {
    const view = new MessageView();
    // What is published meanwhile comes after the replay, not into it.
    for (const { bytes, priority, ttlMs, groupId } of this.#copies.slice()) {
      view.point(bytes, 0, bytes.length);
      fillDraft(draft, view);
      Object.assign(draft, { priority, ttlMs, groupId });
      publish();
    }
    draft.clear();
  }

  clear(): void {
    while (this.count > 0) this.#dropOldest();
  }

  #dropOldest(): void {
    this.#countBytes(-this.#copies.shift()!.bytes.length);
  }

  #countBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.bytes += bytes;
  }
}
