/** A store for tests of queues: messages in a map, "disk" and commits as the test says. */
import type { Clock } from '../../../lib/environment/clock.ts';
import { MessageView } from '../../message/message-bytes.ts';
import {
  encodedHistory,
  type MessageDraft,
  messageBytes,
  writeMessage,
} from '../../message/message-draft.ts';
import type { MessageHold, MessageStore } from '../message-store.ts';
import { ROW_FLAG, RowTable } from '../rows.ts';

export class FakeMessageStore implements MessageStore {
  readonly rows: RowTable = new RowTable();
  readonly view: MessageView = new MessageView();
  position = 0;
  committed = 0;
  memoryBytes = 0;
  uncommittedBytes = 0;
  /** Loads wait until the test says so. */
  holdLoads = false;
  /** What `load` fails with, while it is set. */
  loadError: Error | undefined;
  loadCount = 0;
  putCount = 0;
  /** Rows that no load brings back. */
  readonly lost = new Set<number>();
  /** What `update` was told, in order, where there was something. */
  readonly dues: number[] = [];
  /** `put 3`, `remove 3`, `update 3`: what was journaled, by `seq`. */
  readonly journal: string[] = [];
  readonly #messages = new Map<number, Buffer>();
  readonly #evicted = new Set<number>();
  readonly #marks = new Map<string, number>();
  readonly #clock: Pick<Clock, 'nowMs'>;
  #loads: (() => void)[] = [];

  constructor(clock: Pick<Clock, 'nowMs'> = { nowMs: () => 0 }) {
    this.#clock = clock;
  }

  onCommitted(): () => void {
    return () => undefined;
  }

  async whenCommitted(position: number): Promise<void> {
    this.committed = Math.max(this.committed, position);
  }

  put(draft: MessageDraft, rows: ArrayLike<number>, count: number): void {
    this.putCount += 1;
    const history = encodedHistory(draft);
    const message = Buffer.alloc(messageBytes(draft, history));
    writeMessage(draft, history, message, 0);
    for (let at = 0; at < count; at++) {
      const row = rows[at]!;
      const page = this.rows.page(row);
      page.bytes[this.rows.index(row)] = message.length;
      page.bodyBytes[this.rows.index(row)] = draft.bodyBytes;
      page.enqueuedMs[this.rows.index(row)] = this.#clock.nowMs();
      this.#messages.set(row, message);
      this.#write('put', row);
    }
  }

  remove(row: number): void {
    if (!this.#messages.delete(row)) throw new Error(`row ${row} is not in the store`);
    this.#evicted.delete(row);
    this.#write('remove', row);
  }

  update(row: number, dueMs: number): void {
    if (dueMs !== 0) this.dues.push(dueMs);
    this.#write('update', row);
  }

  mark(name: string): number | undefined {
    return this.#marks.get(name);
  }

  setMark(name: string, value: number | undefined): void {
    if (value === undefined) this.#marks.delete(name);
    else this.#marks.set(name, value);
  }

  together(): void {}

  forgetMark(name: string): void {
    this.#marks.delete(name);
  }

  marks(prefix: string): [name: string, value: number][] {
    return [...this.#marks].filter(([name]) => name.startsWith(prefix));
  }

  positionOf(): number {
    return 0;
  }

  locate(row: number): boolean {
    const message = this.#messages.get(row);
    if (message === undefined) throw new Error(`row ${row} is not in the store`);
    if (this.#evicted.has(row)) return false;
    this.view.point(message, 0, message.length);
    return true;
  }

  async load(row: number): Promise<void> {
    this.loadCount += 1;
    if (this.holdLoads) await new Promise<void>((resolve) => this.#loads.push(resolve));
    if (this.loadError !== undefined) throw this.loadError;
    if (!this.lost.has(row)) this.#evicted.delete(row);
  }

  hold(): MessageHold {
    return this.view.buffer;
  }

  release(_hold: MessageHold): void {}

  /** Messages in the store. */
  get count(): number {
    return this.#messages.size;
  }

  /** Moves all messages out of memory. */
  evict(): void {
    for (const row of this.#messages.keys()) this.#evicted.add(row);
  }

  /** Lets the loads that wait go on. */
  finishLoads(): void {
    const loads = this.#loads;
    this.#loads = [];
    for (const finish of loads) finish();
  }

  #write(what: string, row: number): void {
    const page = this.rows.page(row);
    const index = this.rows.index(row);
    if ((page.flags[index]! & ROW_FLAG.persistent) === 0) return;
    this.position += 1;
    this.journal.push(`${what} ${page.seq[index]!}`);
  }
}
