/**
 * Receives that no reader has seen: messages that were looked at only (`peek`), or fetched and given back. SQS counts them like failed attempts, so this
 * process remembers its own, to take them off the count. Those of other processes it does not know.
 */
const MESSAGES_MAX = 50_000;

export class UnseenReceives {
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  add(messageId: string): void {
    const count = this.of(messageId) + 1;
    if (this.#young.size >= MESSAGES_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(messageId, count);
  }

  of(messageId: string): number {
    return this.#young.get(messageId) ?? this.#old.get(messageId) ?? 0;
  }
}
