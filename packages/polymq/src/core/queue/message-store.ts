/**
 * Where the messages of all queues are: the contract between queues, which know order and state, and the store, which
 * knows memory and disk. Implemented in `store/`.
 *
 *   put ──► batch of this turn ──► journal ──► committed ≥ position: confirm
 *    │            └ in memory: locate ──► deliver
 *    └ not persistent: memory only, until memory is short
 *
 * Everything that is put, removed and updated in one turn of the event loop becomes one batch of the journal, in
 * this order, so it survives a crash together or not at all, unless it is more than a quarter of a mebibyte.
 */

import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';
import type { RowTable } from './rows.ts';

export interface MessageStore {
  readonly rows: RowTable;
  /**
   * The position after what was put, removed or updated last. What happened up to here is durable once
   * `committed >= position`. Positions are offsets of the journal: they only grow.
   */
  readonly position: number;
  readonly committed: number;
  /** Calls `listener` after every advance of `committed`. Returns a function that stops it. */
  onCommitted(listener: () => void): () => void;
  /** Resolves when `committed >= position`; rejects with `BrokerError` when the journal has failed. */
  whenCommitted(position: number): Promise<void>;

  /**
   * Copies the draft into the store, once, for all `rows[0, count)`. Their `queue`, `seq`, `state`, `priority`, `expiresMs`,
   * `group`, `attempts` and `flags` are set; sets their `offset`, `position` and `bytes`. The message is journaled if
   * any row has the persistent flag, for those rows only. The draft may be used again afterwards.
   */
  put(draft: MessageDraft, rows: ArrayLike<number>, count: number): void;
  /** The row's message is done with. Journaled if the row is. The caller frees the row afterwards. */
  remove(row: number): void;
  /** `attempts`, `flags` or the due time have changed and shall survive a restart (within 100 ms; nobody waits). */
  update(row: number, dueMs: number): void;

  /**
   * A durable number beside the messages, changed in the same batch as what is put and removed in this turn: how far a
   * cursor has come. `undefined`: never set. Setting it to `undefined` forgets it.
   */
  mark(name: string): number | undefined;
  setMark(name: string, value: number | undefined): void;
  /**
   * From here on, marks that are set before the next `put` (or so many of them), and that put, come into one batch, however full the
   * one in hand is.
   */
  together(putCount?: number): void;
  /** Drops a mark that nobody needs any more from memory only: after a restart it may be there again. */
  forgetMark(name: string): void;
  /** The marks whose name starts with `prefix`, mostly in the order in which they were first set. */
  marks(prefix: string): [name: string, value: number][];

  /** Where `locate` has found a message. Valid until the next call of any method of the store. */
  readonly view: MessageView;
  /**
   * The message of the row is durable when `committed` has come to this position; 0 if it is in memory only. It may be handed out
   * before.
   */
  positionOf(row: number): number;
  /** Points `view` at the row's message, if it is in memory. */
  locate(row: number): boolean;
  /** Brings the row's message, and those behind it, into memory: `locate` succeeds right after. */
  load(row: number): Promise<void>;
  /**
   * Keeps the memory of the message found last, while slices of it are being sent. Call `release` with what it
   * returned, once.
   */
  hold(): MessageHold;
  release(hold: MessageHold): void;

  /** Bytes of messages in memory; above `memoryBytesMax` the store moves out what it can. */
  readonly memoryBytes: number;
  /**
   * Bytes on their way to the disk: put and not committed yet, or in memory only although memory is short.
   * Publishers should pause above some mebibytes; whenever it shrinks, listeners of `onCommitted` are called.
   */
  readonly uncommittedBytes: number;
}

/** Opaque. */
export type MessageHold = Buffer;

/** A store that has messages of before the restart. */
export interface RestorableStore extends MessageStore {
  /** Hands out every message once, those of a queue in the order of `seq`. The object is used again for the next. */
  restore(onRestored: (message: RestoredMessage) => void): void;
}

/** What the store tells a queue about each of its messages at start, in any order. */
export interface RestoredMessage {
  /** Its `queue`, `seq`, `offset`, `position`, `bytes`, `expiresMs`, `attempts`, `priority` and `flags` are set. */
  row: number;
  enqueuedMs: number;
  /** 0: not delayed. The end of its lease, if that was counted. */
  dueMs: number;
  groupId: string | undefined;
}
