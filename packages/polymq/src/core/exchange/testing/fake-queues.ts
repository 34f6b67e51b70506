/**
 * Queues that only remember what they were given: for tests of those who publish. Messages are kept as their bytes;
 * delayed ones wait until time is moved on, also over a restart of everything else.
 */
import type { Clock } from '../../../lib/environment/clock.ts';
import { BrokerError } from '../../errors.ts';
import { MessageView } from '../../message/message-bytes.ts';
import {
  encodedHistory,
  type MessageDraft,
  messageBytes,
  writeMessage,
} from '../../message/message-draft.ts';
import type { MessageStore } from '../../queue/message-store.ts';
import type { Queue, QueueConsumer, RequeueOptions } from '../../queue/queue.ts';
import type {
  DeclaredValues,
  QueueDefinition,
  QueueSettings,
} from '../../queue/queue-definition.ts';
import type { DeadLetterRouter, Queues } from '../../queue/queues.ts';

export const CLASSIC: QueueDefinition = {
  durable: true,
  autoDelete: false,
  exclusive: false,
  settings: {},
  declared: {},
};

interface Stored {
  view(): MessageView;
  row: number;
  bytes: Buffer;
  dueMs: number;
  draft: Pick<MessageDraft, 'priority' | 'ttlMs' | 'groupId' | 'dueMs'> & { expiresMs: number };
}

export class FakeQueue implements Queue {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly definition: QueueDefinition;
  readonly messages: Stored[] = [];
  readonly leased: Stored[] = [];
  readonly leasedCount = 0;
  readonly delayedCount = 0;
  readonly bytes = 0;
  consumer: QueueConsumer | undefined;
  deleted = false;
  /** Whether it refuses what comes. */
  full = false;
  readonly #clock: Clock;

  constructor(
    id: number,
    namespace: string,
    name: string,
    definition: QueueDefinition,
    clock: Clock,
  ) {
    this.id = id;
    this.namespace = namespace;
    this.name = name;
    this.definition = definition;
    this.#clock = clock;
  }

  get readyCount(): number {
    return this.messages.length;
  }

  get consumerCount(): number {
    return this.consumer === undefined ? 0 : 1;
  }

  /** The bodies of what waits here, as text. */
  get bodies(): string[] {
    return this.messages.map(({ bytes }) => viewOf(bytes).body.toString());
  }

  addConsumer(consumer: QueueConsumer): void {
    this.consumer = consumer;
    this.pump();
  }

  removeConsumer(): void {
    this.consumer = undefined;
  }

  resume(): void {
    this.pump();
  }

  /** Delivers what is due to the consumer. */
  pump(): void {
    for (const stored of [...this.messages]) {
      if (stored.dueMs > this.#clock.nowMs()) continue;
      if (this.consumer === undefined || !this.consumer.ready()) return;
      this.messages.splice(this.messages.indexOf(stored), 1);
      this.leased.push(stored);
      this.consumer.deliver(this, stored.row, viewOf(stored.bytes), false);
    }
  }

  begin(): void {}

  handAhead(): boolean {
    return true;
  }

  ack(row: number): void {
    const at = this.leased.findIndex((stored) => stored.row === row);
    if (at < 0) throw new Error(`row ${row} is not leased`);
    this.leased.splice(at, 1);
  }

  touch(): void {}

  take(): never {
    throw new Error('not here');
  }

  takeNextOfGroup(): never {
    throw new Error('not here');
  }

  contains(): boolean {
    return false;
  }

  holds(row: number): boolean {
    return this.leased.some((stored) => stored.row === row);
  }

  requeue(row: number, options: RequeueOptions = {}): void {
    const stored = this.leased.find((one) => one.row === row)!;
    this.ack(row);
    if (options.delayMs !== undefined) stored.dueMs = this.#clock.nowMs() + options.delayMs;
    this.messages.unshift(stored);
  }

  requeueAll(rows: readonly number[]): void {
    for (const row of [...rows].reverse()) this.requeue(row);
  }

  reject(row: number): void {
    this.ack(row);
  }

  extend(): void {}

  attempts(): number {
    return 0;
  }

  firstTakenMs(): undefined {
    return undefined;
  }

  seq(row: number): number {
    return row;
  }

  groupIdOf(row: number): string | undefined {
    return this.leased.find((stored) => stored.row === row)?.draft.groupId;
  }

  findRestored(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  restoredLease(): undefined {
    return undefined;
  }

  discard(row: number): boolean {
    const at = this.messages.findIndex((stored) => stored.row === row);
    if (at >= 0) this.messages.splice(at, 1);
    return at >= 0;
  }

  async purge(): Promise<number> {
    return this.messages.splice(0).length;
  }

  async peek(): Promise<void> {}
}

export class FakeQueues implements Queues {
  /** What a publisher may look at of it: positions. */
  readonly store: MessageStore;
  deadLetterRouter: DeadLetterRouter | undefined = undefined;
  version = 0;
  readonly #clock: Clock;
  readonly #queues = new Map<string, FakeQueue>();
  readonly #listeners: ((queue: Queue) => void)[] = [];
  readonly #commitListeners = new Set<() => void>();
  readonly storeState = { uncommittedBytes: 0, position: 0, committed: 0 };
  #nextId = 1;
  #nextRow = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    const find = (row: number) => this.#stored(row).draft;
    this.store = Object.assign(this.storeState, {
      hold: () => undefined,
      release: () => undefined,
      rows: {
        index: (row: number) => row,
        page: (row: number) => ({
          priority: { [row]: find(row).priority },
          expiresMs: { [row]: find(row).ttlMs < 0 ? 0 : find(row).expiresMs },
        }),
      },
      onCommitted: (listener: () => void) => {
        this.#commitListeners.add(listener);
        return () => this.#commitListeners.delete(listener);
      },
    }) as unknown as MessageStore;
  }

  #stored(row: number): Stored {
    const stored = this.list()
      .flatMap(({ leased, messages }) => [...leased, ...messages])
      .find((one) => one.row === row);
    return stored!;
  }

  commit(): void {
    this.storeState.uncommittedBytes = 0;
    for (const listener of this.#commitListeners) listener();
  }

  /** What of them is left after a restart. */
  restarted(): FakeQueues {
    const next = new FakeQueues(this.#clock);
    for (const [key, queue] of this.#queues) {
      if (!queue.definition.durable) continue;
      const { id, namespace, name, definition } = queue;
      const copy = new FakeQueue(id, namespace, name, definition, this.#clock);
      copy.messages.push(...queue.leased, ...queue.messages);
      next.#queues.set(key, copy);
    }
    next.#nextId = this.#nextId;
    next.#nextRow = this.#nextRow;
    return next;
  }

  get(namespace: string, name: string): FakeQueue | undefined {
    return this.#queues.get(`${namespace}\0${name}`);
  }

  list(): FakeQueue[] {
    return [...this.#queues.values()];
  }

  async declare(
    namespace: string,
    name: string,
    definition: QueueDefinition = CLASSIC,
  ): Promise<FakeQueue> {
    if (this.get(namespace, name) !== undefined) throw new BrokerError('queue-exists', name);
    const queue = new FakeQueue(this.#nextId++, namespace, name, definition, this.#clock);
    this.#queues.set(`${namespace}\0${name}`, queue);
    this.version += 1;
    return queue;
  }

  async alter(
    queue: Queue,
    change: { settings: QueueSettings; declared: DeclaredValues },
  ): Promise<void> {
    Object.assign(queue.definition, change);
    this.version += 1;
  }

  async delete(queue: Queue): Promise<number> {
    const fake = queue as FakeQueue;
    fake.deleted = true;
    this.#queues.delete(`${queue.namespace}\0${queue.name}`);
    this.version += 1;
    fake.consumer?.onCancelled();
    for (const listener of this.#listeners) listener(queue);
    return fake.messages.length;
  }

  onDeleted(listener: (queue: Queue) => void): void {
    this.#listeners.push(listener);
  }

  publish(draft: MessageDraft, queues: readonly Queue[]): number {
    const history = encodedHistory(draft);
    const bytes = Buffer.alloc(messageBytes(draft, history));
    writeMessage(draft, history, bytes, 0);
    let refused = 0;
    for (const queue of queues as readonly FakeQueue[]) {
      if (queue.full) {
        refused += 1;
        continue;
      }
      const { priority, ttlMs, groupId, dueMs } = draft;
      const expiresMs = this.#clock.nowMs() + ttlMs;
      const seen = { priority, ttlMs, groupId, dueMs, expiresMs };
      const view = () => viewOf(bytes);
      queue.messages.push({ view, row: this.#nextRow++, bytes, dueMs, draft: seen });
      queue.pump();
    }
    return refused;
  }
}

function viewOf(bytes: Buffer): MessageView {
  const view = new MessageView();
  view.point(bytes, 0, bytes.length);
  return view;
}
