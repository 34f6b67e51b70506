/**
 * The newest message of every routing key that asked to be kept, for readers who come later. Messages are durable as those in
 * queues are: in the same journal, moved when old segments are given up, read from disk when they are in no memory.
 *
 *   set(key) ──► in place of the one before, in one batch        visit(pattern) ──► each key that matches, with its message
 *
 * Patterns are topic patterns: words between dots, `*` for one word, `#` for any number of them.
 */
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';

export interface RetainedMessages {
  /** Messages kept now, expired ones included until they are found. */
  readonly count: number;
  /** Bytes of them. */
  readonly bytes: number;
  /**
   * Keeps the draft under its routing key in place of the message before. A draft with a time to live expires. It survives a
   * restart if it is persistent, durable when `store.committed` has reached the `store.position` of right after. Throws
   * `limit-reached` if there are too many or too large ones, `storage` errors; then the message before stays.
   */
  set(namespace: string, draft: MessageDraft): void;
  /** Forgets the message of the key; whether there was one. Durable as `set`. */
  remove(namespace: string, routingKey: string): boolean;
  /**
   * Shows every message whose key matches the pattern, mostly in the order in which they were set. The view is valid until
   * `visit` returns only; `expiresMs` is 0 if it never does. Those set or removed meanwhile are shown or not. Undefined if all were
   * shown before this returned; else resolves when all were, in slices of about a millisecond. `visit` returns false to stop,
   * or a promise of that, which is waited for. Rejects with storage errors, or `limit-reached` if too many readers are slow.
   */
  visit(
    namespace: string,
    pattern: string,
    visit: (view: MessageView, expiresMs: number) => boolean | Promise<boolean>,
  ): Promise<void> | undefined;
}
