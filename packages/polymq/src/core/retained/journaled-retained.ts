/**
 * Retained messages as rows of the message store, under an id that no queue has:
 *
 *   set     put the new message, remove the one before    one batch of the journal: a crash leaves one of them
 *   visit   keys that match ─► rows in the order in which they lie in the journal ─► located, or loaded
 *   start   the store hands out the rows, each with its key; no message is read
 *
 * A row's group id is the key: groups of messages mean nothing here, and the store keeps the group id of a row wherever it moves the
 * message, and over a restart.
 *
 * Invariant: every row with the id is in `#places`, and its leaf has that row.
 */
import type { Clock, Timers } from '../../lib/environment/clock.ts';
import { NO_TIMER, TimerWheel } from '../../lib/timer-wheel.ts';
import { BrokerError } from '../errors.ts';
import type { MessageView } from '../message/message-bytes.ts';
import { encodedHistory, type MessageDraft, messageBytes } from '../message/message-draft.ts';
import type { MessageStore, RestoredMessage } from '../queue/message-store.ts';
import { NO_ROW, ROW_FLAG, ROW_STATE } from '../queue/rows.ts';
import { type KeyLeaf, KeyTree } from './key-tree.ts';
import type { RetainedMessages } from './retained-messages.ts';
import { RetainedWalk, type WalkContext, WalkTurns } from './retained-walk.ts';

/** The id of these rows where others have that of their queue, which is never this one. */
export const RETAINED_ROWS_ID = 0;

const COUNT_MAX = 100_000;
const BYTES_MAX: number = 1 << 30;
/** Of all walks that have not come to their end, before another begins: 64 MiB. */
const WALKING_ROWS_MAX: number = 1 << 24;

export interface RetainedOptions {
  store: MessageStore;
  clock: Clock;
  timers: Timers;
  /** Messages kept. Default 100,000. */
  countMax?: number;
  /** Bytes of them. Default 1 GiB. */
  bytesMax?: number;
}

interface Place {
  tree: KeyTree;
  leaf: KeyLeaf;
}

export class JournaledRetained implements RetainedMessages {
  readonly #store: MessageStore;
  readonly #clock: Clock;
  readonly #walking: WalkContext;
  readonly #expiries: TimerWheel;
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** By namespace. */
  readonly #trees = new Map<string, KeyTree>();
  /** By row. */
  readonly #places = new Map<number, Place>();
  /** What is handed to the store: one row. */
  readonly #row: number[] = [NO_ROW];
  #nextSeq = 0;
  #bytes = 0;
  #walkingRows = 0;
  #closed = false;

  constructor({ store, clock, timers, countMax, bytesMax }: RetainedOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#countMax = countMax ?? COUNT_MAX;
    this.#bytesMax = bytesMax ?? BYTES_MAX;
    this.#expiries = new TimerWheel({ clock, timers, onDue: (row) => this.#due(row) });
    this.#walking = {
      store,
      clock,
      turns: new WalkTurns(clock, timers),
      isHere: (row, seqEnd) => this.#isHere(row, seqEnd),
      drop: (row) => this.#drop(row),
    };
  }

  get count(): number {
    return this.#places.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  set(namespace: string, draft: MessageDraft): void {
    const key = routingKeyOf(draft);
    const tree = this.#treeOf(namespace);
    const before = tree.get(key)?.row ?? NO_ROW;
    this.#check(draft, key, before);
    const row = this.#accept(draft);
    this.#put(draft, row, textOf(namespace, key));
    this.#enter(row, namespace, key);
    // In the batch of the new message, since nothing is put in between.
    if (before !== NO_ROW) this.#free(before);
  }

  remove(namespace: string, routingKey: string): boolean {
    const leaf = this.#trees.get(namespace)?.get(routingKey);
    if (leaf === undefined) return false;
    this.#drop(leaf.row);
    return true;
  }

  visit(
    namespace: string,
    pattern: string,
    visit: (view: MessageView, expiresMs: number) => boolean | Promise<boolean>,
  ): Promise<void> | undefined {
    const tree = this.#trees.get(namespace);
    if (tree === undefined) return undefined;
    if (this.#walkingRows > WALKING_ROWS_MAX) {
      throw new BrokerError(
        'limit-reached',
        'too many readers ask for retained messages at a time',
      );
    }
    const walk = new RetainedWalk(this.#walking, visit, this.#nextSeq);
    tree.match(pattern, (row) => walk.add(row));
    const shown = walk.start();
    return shown === undefined ? undefined : this.#limited(shown, walk.length);
  }

  /** Takes in a message of before the restart. */
  restore({ row, groupId }: RestoredMessage): void {
    const page = this.#store.rows.page(row);
    const index = this.#store.rows.index(row);
    this.#nextSeq = Math.max(this.#nextSeq, page.seq[index]! + 1);
    const { namespace, key } = parseText(groupId ?? '0:');
    const before = this.#treeOf(namespace).get(key)?.row ?? NO_ROW;
    this.#enter(row, namespace, key);
    if (before !== NO_ROW) this.#free(before);
  }

  /** Ends walks that have not come to their end, and stops timers. */
  close(): void {
    this.#closed = true;
    this.#expiries.stop();
  }

  #treeOf(namespace: string): KeyTree {
    let tree = this.#trees.get(namespace);
    if (tree === undefined) {
      tree = new KeyTree();
      this.#trees.set(namespace, tree);
    }
    return tree;
  }

  #check(draft: MessageDraft, key: string, before: number): void {
    if (this.#closed) throw new BrokerError('stopping', 'the broker is shutting down');
    if (before === NO_ROW && this.count >= this.#countMax) {
      throw new BrokerError(
        'limit-reached',
        `${this.#countMax} messages are retained already, so that of "${key}" cannot be; remove some, or raise the limit`,
      );
    }
    const added = messageBytes(draft, encodedHistory(draft)) - this.#bytesOf(before);
    if (this.#bytes + added <= this.#bytesMax) return;
    throw new BrokerError(
      'limit-reached',
      `retained messages may have ${this.#bytesMax} bytes together, and that of "${key}" would be too much; remove some, or raise the limit`,
    );
  }

  #bytesOf(row: number): number {
    if (row === NO_ROW) return 0;
    return this.#store.rows.page(row).bytes[this.#store.rows.index(row)]!;
  }

  #accept(draft: MessageDraft): number {
    const { rows } = this.#store;
    const row = rows.allocate();
    const page = rows.page(row);
    const index = rows.index(row);
    page.queue[index] = RETAINED_ROWS_ID;
    page.seq[index] = this.#nextSeq;
    page.priority[index] = draft.priority;
    page.flags[index] = draft.persistent ? ROW_FLAG.persistent : 0;
    page.expiresMs[index] = draft.ttlMs < 0 ? 0 : this.#clock.nowMs() + draft.ttlMs;
    page.state[index] = ROW_STATE.ready;
    return row;
  }

  #put(draft: MessageDraft, row: number, text: string): void {
    const { groupId, dueMs } = draft;
    draft.groupId = text;
    draft.dueMs = 0;
    this.#row[0] = row;
    try {
      this.#store.put(draft, this.#row, 1);
    } catch (error) {
      this.#store.rows.free(row);
      throw error;
    } finally {
      draft.groupId = groupId;
      draft.dueMs = dueMs;
    }
    this.#nextSeq += 1;
  }

  /** The row is that of its key from now on. */
  #enter(row: number, namespace: string, key: string): void {
    const tree = this.#treeOf(namespace);
    this.#places.set(row, { tree, leaf: tree.set(key, row) });
    const { rows } = this.#store;
    const page = rows.page(row);
    const index = rows.index(row);
    this.#bytes += page.bytes[index]!;
    const expiresMs = page.expiresMs[index]!;
    if (expiresMs === 0) return;
    page.timer[index] = this.#expiries.add(expiresMs - this.#clock.nowMs(), row);
  }

  /** The end of a key. */
  #drop(row: number): void {
    const { tree, leaf } = this.#places.get(row)!;
    tree.delete(leaf);
    this.#free(row);
  }

  /** The end of a row that is not that of its key any more. */
  #free(row: number): void {
    const { rows } = this.#store;
    const page = rows.page(row);
    const index = rows.index(row);
    this.#places.delete(row);
    this.#bytes -= page.bytes[index]!;
    if (page.timer[index] !== NO_TIMER) this.#expiries.cancel(page.timer[index]!);
    this.#store.remove(row);
    rows.free(row);
  }

  #due(row: number): void {
    const { rows } = this.#store;
    const page = rows.page(row);
    const index = rows.index(row);
    page.timer[index] = NO_TIMER;
    // The wall clock may have been put back.
    const leftMs = page.expiresMs[index]! - this.#clock.nowMs();
    if (leftMs > 0) page.timer[index] = this.#expiries.add(leftMs, row);
    else this.#drop(row);
  }

  /** Whether the row is still the one that a walk has found. One that got its number since has a higher `seq`. */
  #isHere(row: number, seqEnd: number): boolean {
    if (this.#closed || !this.#places.has(row)) return false;
    return this.#store.rows.page(row).seq[this.#store.rows.index(row)]! < seqEnd;
  }

  async #limited(shown: Promise<void>, rowCount: number): Promise<void> {
    this.#walkingRows += rowCount;
    try {
      await shown;
    } finally {
      this.#walkingRows -= rowCount;
    }
  }
}

function routingKeyOf({ names, namesStart, namesEnd }: MessageDraft): string {
  return names.toString('utf8', namesStart + 2 + names[namesStart]!, namesEnd);
}

/** Namespace and key as one text: the length of the former stands before it. */
function textOf(namespace: string, key: string): string {
  return `${namespace.length}:${namespace}${key}`;
}

function parseText(text: string): { namespace: string; key: string } {
  const start = text.indexOf(':') + 1;
  const end = start + Number(text.slice(0, start - 1));
  return { namespace: text.slice(start, end), key: text.slice(end) };
}
